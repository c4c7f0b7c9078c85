// What programs ask about themselves, and code they make while running.
using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using System.Reflection.Emit;
using System.Resources;
using System.Runtime.CompilerServices;

[assembly: AssemblyMetadata("Kind", "sample")]

[AttributeUsage(AttributeTargets.All)]
class NoteAttribute(string text) : Attribute { public string Text => text; public int Level { get; set; } }

[Note("a class", Level = 2)]
class Target
{
    private int _secret = 7;
    public int Value { get; set; } = 3;
    [Note("a method")]
    public int Add(int a, int b = 4) { int s = 0; for (int i = 0; i < b; i++) { s++; } return a + s + _secret - 7; }
    public static T Echo<T>(T t) => t;
    public event Action Changed;
    public void Raise() => Changed?.Invoke();
    public int this[int i] => i * i;
    ~Target() { }
}

class Program
{
    delegate int Binary(int a, int b);

    static void Main()
    {
        Assembly me = typeof(Program).Assembly;
        Console.WriteLine($"{me == Assembly.GetEntryAssembly()} {me == Assembly.GetExecutingAssembly()} {me.FullName}");
        Console.WriteLine($"{me.Location} {me.ManifestModule.Name} {me.ManifestModule.FullyQualifiedName} {me.ManifestModule.ScopeName} {me.EntryPoint.Name}");
        Console.WriteLine(Path.GetDirectoryName(me.Location) + Path.DirectorySeparatorChar == AppContext.BaseDirectory);
        Func<string> location = () => me.Location;
        Func<Assembly, string> group = a => a.Location;
        Console.WriteLine($"{location() == group(me)} {File.Exists(me.Location)}");
        Func<string> bound = (Func<string>)Delegate.CreateDelegate(typeof(Func<string>), me, typeof(Assembly).GetProperty("Location").GetMethod);
        Console.WriteLine(bound().Length > 0);
        Console.WriteLine(string.Join(",", me.GetTypes().Where(t => !t.Name.StartsWith('<')).Select(t => t.FullName).Order(StringComparer.Ordinal)));
        Console.WriteLine(string.Join(",", typeof(Target).GetMembers(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly).Select(m => m.ToString()).Order(StringComparer.Ordinal)));
        Console.WriteLine(string.Join(",", me.GetCustomAttributes<AssemblyMetadataAttribute>().Where(a => !a.Key.StartsWith("ILPreempt")).Select(a => a.Key + a.Value)));
        NoteAttribute note = typeof(Target).GetCustomAttribute<NoteAttribute>();
        Console.WriteLine($"{note.Text} {note.Level} {typeof(Target).GetMethod("Add").GetCustomAttribute<NoteAttribute>().Text}");
        Console.WriteLine(string.Join(",", me.GetReferencedAssemblies().Select(a => a.Name).Where(a => a != "ILPreempt.Runtime").Order(StringComparer.Ordinal)));

        using (StreamReader r = new(me.GetManifestResourceStream("embedded"))) { Console.WriteLine(r.ReadToEnd().Trim()); }
        ResourceManager strings = new("Reflection.Strings", me);
        Console.WriteLine($"{strings.GetString("Greeting", CultureInfo.InvariantCulture)} {strings.GetString("Greeting", new CultureInfo("de"))} {me.GetSatelliteAssembly(new CultureInfo("de")).GetName().CultureName}");

        object target = Activator.CreateInstance(typeof(Target));
        Console.WriteLine(typeof(Target).GetMethod("Add").Invoke(target, [1, Type.Missing]));
        Console.WriteLine(typeof(Target).GetMethod("Echo").MakeGenericMethod(typeof(string)).Invoke(null, ["echo"]));
        FieldInfo secret = typeof(Target).GetField("_secret", BindingFlags.NonPublic | BindingFlags.Instance);
        secret.SetValue(target, 100);
        Console.WriteLine($"{secret.GetValue(target)} {typeof(Target).GetProperty("Item").GetValue(target, [5])}");
        Binary add = typeof(Target).GetMethod("Add").CreateDelegate<Binary>(target);
        Console.WriteLine(add(1, 1));
        int raised = 0;
        typeof(Target).GetEvent("Changed").AddEventHandler(target, () => { for (int i = 0; i < 3; i++) { raised++; } });
        ((Target)target).Raise();
        Console.WriteLine(raised);
        try { typeof(Program).GetMethod("Throws", BindingFlags.NonPublic | BindingFlags.Static).Invoke(null, null); }
        catch (TargetInvocationException e) { Console.WriteLine(e.InnerException); }
        Console.WriteLine(Where());

        DynamicMethod method = new("Loop", typeof(int), [typeof(int)]);
        ILGenerator il = method.GetILGenerator();
        LocalBuilder sum = il.DeclareLocal(typeof(int));
        Label top = il.DefineLabel(), end = il.DefineLabel();
        il.MarkLabel(top);
        il.Emit(OpCodes.Ldarg_0); il.Emit(OpCodes.Brfalse, end);
        il.Emit(OpCodes.Ldloc, sum); il.Emit(OpCodes.Ldarg_0); il.Emit(OpCodes.Add); il.Emit(OpCodes.Stloc, sum);
        il.Emit(OpCodes.Ldarg_0); il.Emit(OpCodes.Ldc_I4_1); il.Emit(OpCodes.Sub); il.Emit(OpCodes.Starg_S, (byte)0);
        il.Emit(OpCodes.Br, top);
        il.MarkLabel(end);
        il.Emit(OpCodes.Ldloc, sum); il.Emit(OpCodes.Ret);
        Console.WriteLine(method.CreateDelegate<Func<int, int>>()(100));

        AssemblyBuilder builder = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Made"), AssemblyBuilderAccess.RunAndCollect);
        TypeBuilder type = builder.DefineDynamicModule("Made").DefineType("T", TypeAttributes.Public, typeof(object));
        ILGenerator body = type.DefineMethod("Answer", MethodAttributes.Public | MethodAttributes.Static, typeof(int), Type.EmptyTypes).GetILGenerator();
        body.Emit(OpCodes.Ldc_I4, 42); body.Emit(OpCodes.Ret);
        Console.WriteLine(type.CreateType().GetMethod("Answer").Invoke(null, null));

        PersistedAssemblyBuilder persisted = new(new AssemblyName("Saved"), typeof(object).Assembly);
        TypeBuilder saved = persisted.DefineDynamicModule("Saved").DefineType("S", TypeAttributes.Public);
        ILGenerator savedBody = saved.DefineMethod("Spin", MethodAttributes.Public | MethodAttributes.Static, typeof(int), Type.EmptyTypes).GetILGenerator();
        Label again = savedBody.DefineLabel();
        LocalBuilder n = savedBody.DeclareLocal(typeof(int));
        savedBody.MarkLabel(again);
        savedBody.Emit(OpCodes.Ldloc, n); savedBody.Emit(OpCodes.Ldc_I4_1); savedBody.Emit(OpCodes.Add); savedBody.Emit(OpCodes.Stloc, n);
        savedBody.Emit(OpCodes.Ldloc, n); savedBody.Emit(OpCodes.Ldc_I4, 1000); savedBody.Emit(OpCodes.Blt, again);
        savedBody.Emit(OpCodes.Ldloc, n); savedBody.Emit(OpCodes.Ret);
        saved.CreateType();
        using MemoryStream image = new();
        persisted.Save(image);
        Assembly loaded = Assembly.Load(image.ToArray());
        Console.WriteLine($"{loaded.GetType("S").GetMethod("Spin").Invoke(null, null)} '{loaded.Location}'");

        ParameterExpression x = Expression.Parameter(typeof(int), "x");
        LabelTarget done = Expression.Label(typeof(int));
        ParameterExpression acc = Expression.Variable(typeof(int));
        Expression<Func<int, int>> factorial = Expression.Lambda<Func<int, int>>(Expression.Block([acc], Expression.Assign(acc, Expression.Constant(1)),
            Expression.Loop(Expression.IfThenElse(Expression.GreaterThan(x, Expression.Constant(1)), Expression.MultiplyAssign(acc, Expression.PostDecrementAssign(x)), Expression.Break(done, acc)), done)), x);
        Console.WriteLine($"{factorial.Compile()(10)} {factorial.Compile(preferInterpretation: true)(5)}");
        Expression<Func<string, bool>> tree = s => s.Length > 3 && s.StartsWith("a");
        Console.WriteLine($"{tree} {tree.Compile()("abcd")}");

        dynamic d = new Target();
        Console.WriteLine($"{d.Add(2)} {d.Value}");
        try { d.Nothing(); }
        catch (Microsoft.CSharp.RuntimeBinder.RuntimeBinderException e) { Console.WriteLine(e.Message); }
        dynamic bag = new System.Dynamic.ExpandoObject();
        bag.A = 1; bag.B = "two";
        foreach (KeyValuePair<string, object> p in bag) { Console.Write($"{p.Key}={p.Value} "); }
        Console.WriteLine();

        object proxy = DispatchProxy.Create<IComparable, Proxy>();
        Console.WriteLine(((IComparable)proxy).CompareTo("x"));
        MethodBody bodyOf = typeof(Target).GetMethod("Raise").GetMethodBody();
        Console.WriteLine(bodyOf.LocalVariables.Count);
        Console.WriteLine(Type.GetType("Target").Name + Type.GetType("System.Collections.Generic.List`1[[Target]]").GetGenericArguments()[0].Name);
        Console.WriteLine(RuntimeHelpers.GetUninitializedObject(typeof(Target)) is Target { Value: 0 });
        Console.WriteLine(string.Join(",", AppDomain.CurrentDomain.GetAssemblies().Select(a => a.GetName().Name).Where(a => a is "Reflection" or "System.Linq.Expressions").Order()));
        Caller();
    }

    class Proxy : DispatchProxy
    {
        protected override object Invoke(MethodInfo method, object[] args) { Console.WriteLine($"{method.Name}({args[0]})"); return 5; }
    }

    static void Throws() { for (int i = 0; ; i++) { if (i == 4) { throw new Exception("through reflection"); } } }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static string Where() => new System.Diagnostics.StackTrace(true).ToString().Trim();

    static void Caller([CallerMemberName] string name = "", [CallerLineNumber] int line = 0) => Console.WriteLine($"{name} {line} {MethodBase.GetCurrentMethod().Name}");
}
