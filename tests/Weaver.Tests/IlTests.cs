using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Weaver.Tests;

/// <summary>What no C# compiler emits, or only rarely: written as IL, run original against woven.</summary>
public sealed class IlTests
{
    [Fact]
    public void BackwardBranch_WithValuesOnTheStack_KeepsThem()
    {
        // sum and i stay on the stack from round to round.
        (int checks, _) = Run(il =>
        {
            Instruction head = il.Create(OpCodes.Dup);
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Ldc_I4, 300);
            il.Append(head);
            il.Emit(OpCodes.Stloc_0);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Ldloc_0);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Sub);
            il.Emit(OpCodes.Dup);
            il.Emit(OpCodes.Brtrue, head);
            il.Emit(OpCodes.Add);
        });
        Assert.True(checks >= 299, $"{checks}");
    }

    [Fact]
    public void BackEdge_ByLeave_IsChecked()
    {
        (int checks, _) = Run(il =>
        {
            Instruction head = il.Create(OpCodes.Ldloc_0);
            Instruction end = il.Create(OpCodes.Ldloc_0);
            Instruction tryEnd = il.Create(OpCodes.Pop);
            il.Append(head);
            il.Emit(OpCodes.Ldc_I4, 100);
            il.Emit(OpCodes.Bge, end);
            Instruction tryStart = il.Create(OpCodes.Ldloc_0);
            il.Append(tryStart);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc_0);
            il.Emit(OpCodes.Leave, head);
            il.Append(tryEnd);
            il.Emit(OpCodes.Leave, head);
            il.Append(end);
            Catch(il, tryStart, tryEnd, end);
        });
        Assert.True(checks >= 100, $"{checks}");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LoopHead_AtStartOfTry_IsCheckedAndStaysValid(bool edgeFromInside)
    {
        (int checks, _) = Run(il =>
        {
            Instruction tryStart = il.Create(OpCodes.Ldloc_0);
            Instruction handler = il.Create(OpCodes.Pop);
            Instruction after = il.Create(OpCodes.Ldloc_0);
            il.Append(tryStart);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc_0);
            if (edgeFromInside)
            {
                il.Emit(OpCodes.Ldloc_0);
                il.Emit(OpCodes.Ldc_I4, 200);
                il.Emit(OpCodes.Blt, tryStart);
            }

            il.Emit(OpCodes.Leave, after);
            il.Append(handler);
            il.Emit(OpCodes.Leave, after);
            il.Append(after);
            if (!edgeFromInside)
            {
                il.Emit(OpCodes.Ldc_I4, 200);
                il.Emit(OpCodes.Blt, tryStart);
                il.Emit(OpCodes.Ldloc_0);
            }

            Catch(il, tryStart, handler, after);
        });
        Assert.True(checks >= 199, $"{checks}");
    }

    [Fact]
    public void BackEdge_BySwitch_IsChecked()
    {
        (int checks, _) = Run(il =>
        {
            Instruction head = il.Create(OpCodes.Ldloc_0);
            Instruction end = il.Create(OpCodes.Ldloc_0);
            il.Append(head);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc_0);
            il.Emit(OpCodes.Ldloc_0);
            il.Emit(OpCodes.Ldc_I4, 150);
            il.Emit(OpCodes.Div);
            il.Emit(OpCodes.Switch, [head, end]);
            il.Append(end);
        });
        Assert.True(checks >= 1, $"{checks}");
    }

    [Fact]
    public void ShortBranch_ThatNoLongerReaches_BecomesLong()
    {
        (int checks, _) = Run(il =>
        {
            Instruction head = il.Create(OpCodes.Ldloc_0);
            il.Append(head);
            for (int i = 0; i < 22; i++)
            {
                il.Emit(OpCodes.Ldc_I4_1);
                il.Emit(OpCodes.Xor);
                il.Emit(OpCodes.Ldc_I4_1);
                il.Emit(OpCodes.Xor);
                il.Emit(OpCodes.Nop);
            }

            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc_0);
            il.Emit(OpCodes.Ldloc_0);
            il.Emit(OpCodes.Ldc_I4_S, (sbyte)100);
            il.Emit(OpCodes.Blt_S, head);
            il.Emit(OpCodes.Ldloc_0);
        }, optimize: false);
        Assert.True(checks >= 1, $"{checks}");
    }

    [Fact]
    public void TailCall_InLoopAndPrologue_KeepsItsPrefix()
    {
        (int checks, WeaveReport report) = Run((il, type) =>
        {
            // static int Down(int n, int acc) => n == 0 ? acc : tail Down(n - 1, acc + 1); a million frames without the prefix.
            MethodDefinition down = new("Down", MethodAttributes.Public | MethodAttributes.Static, type.Module.TypeSystem.Int32);
            down.Parameters.Add(new ParameterDefinition(type.Module.TypeSystem.Int32));
            down.Parameters.Add(new ParameterDefinition(type.Module.TypeSystem.Int32));
            type.Methods.Add(down);
            ILProcessor body = down.Body.GetILProcessor();
            Instruction more = body.Create(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Brtrue, more);
            body.Emit(OpCodes.Ldarg_1);
            body.Emit(OpCodes.Ret);
            body.Append(more);
            body.Emit(OpCodes.Ldc_I4_1);
            body.Emit(OpCodes.Sub);
            body.Emit(OpCodes.Ldarg_1);
            body.Emit(OpCodes.Ldc_I4_1);
            body.Emit(OpCodes.Add);
            body.Emit(OpCodes.Tail);
            body.Emit(OpCodes.Call, down);
            body.Emit(OpCodes.Ret);
            il.Emit(OpCodes.Ldc_I4, 1_000_000);
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Call, down);
        });
        Assert.True(checks >= 1_000_000, $"{checks}");
        Assert.Equal(1, report.PrologueChecks);
    }

    [Fact]
    public void PrefixedInstruction_AtLoopHead_KeepsItsPrefix()
    {
        (int checks, _) = Run(il =>
        {
            il.Emit(OpCodes.Ldloca_S, il.Body.Variables[0]);
            il.Emit(OpCodes.Stloc_1);
            Instruction head = il.Create(OpCodes.Ldloc_1);
            il.Append(head);
            il.Emit(OpCodes.Ldloc_1);
            il.Emit(OpCodes.Volatile);
            il.Emit(OpCodes.Unaligned, (byte)1);
            il.Emit(OpCodes.Ldind_I4);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Volatile);
            il.Emit(OpCodes.Stind_I4);
            il.Emit(OpCodes.Ldloc_0);
            il.Emit(OpCodes.Ldc_I4, 503);
            il.Emit(OpCodes.Blt, head);
            il.Emit(OpCodes.Ldloc_0);
        });
        Assert.True(checks >= 125, $"{checks}");
    }

    [Fact]
    public void Arglist_IsLeftAloneWithANote()
    {
        (_, WeaveReport report) = Run((il, type) =>
        {
            MethodDefinition vararg = new("Vararg", MethodAttributes.Public | MethodAttributes.Static, type.Module.TypeSystem.Void) { CallingConvention = MethodCallingConvention.VarArg };
            type.Methods.Add(vararg);
            ILProcessor body = vararg.Body.GetILProcessor();
            body.Emit(OpCodes.Arglist);
            body.Emit(OpCodes.Pop);
            Instruction head = body.Create(OpCodes.Ldc_I4_0);
            body.Append(head);
            body.Emit(OpCodes.Brtrue, head);
            body.Emit(OpCodes.Ret);
            Instruction loop = il.Create(OpCodes.Ldloc_0);
            il.Append(loop);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc_0);
            il.Emit(OpCodes.Ldloc_0);
            il.Emit(OpCodes.Ldc_I4_7);
            il.Emit(OpCodes.Blt, loop);
            il.Emit(OpCodes.Ldloc_0);
        });
        Assert.Contains(report.Notes, n => n.Code == NoteCodes.JumpOrArglist);
    }

    [Theory]
    [InlineData("\u200b")]
    [InlineData("a.b::c")]
    [InlineData("<>\n/+")]
    public void ObfuscatedNames_AreWoven(string name)
    {
        (int checks, _) = Run((il, type) =>
        {
            MethodDefinition twice = new(name, MethodAttributes.Public | MethodAttributes.Static, type.Module.TypeSystem.Int32);
            twice.Parameters.Add(new ParameterDefinition(type.Module.TypeSystem.Int32));
            TypeDefinition holder = new(name, name, TypeAttributes.Class, type.Module.TypeSystem.Object);
            type.Module.Types.Add(holder);
            holder.Methods.Add(twice);
            ILProcessor body = twice.Body.GetILProcessor();
            Instruction end = body.Create(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Brfalse, end);
            body.Emit(OpCodes.Ldarg_0);
            body.Emit(OpCodes.Ldc_I4_1);
            body.Emit(OpCodes.Sub);
            body.Emit(OpCodes.Call, twice);
            body.Emit(OpCodes.Ret);
            body.Append(end);
            body.Emit(OpCodes.Ret);
            il.Emit(OpCodes.Ldc_I4, 50);
            il.Emit(OpCodes.Call, twice);
        });
        Assert.True(checks >= 50, $"{checks}");
    }

    [Fact]
    public void TypeForwards_ThatPointAtEachOther_EndAsUnresolved()
    {
        string folder = Directory.CreateTempSubdirectory("ilpreempt-forwards-").FullName;
        try
        {
            Forwarder(folder, "A", "B");
            Forwarder(folder, "B", "A");
            using Resolving.ReferenceSet references = new(StandIn.FrameworkFiles.Concat(Directory.GetFiles(folder)));
            Assert.Null(references.VirtualMethodNames("A", "Lost"));
            Assert.Null(references.EnumUnderlyingType("B", "Lost"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Forwarder(string folder, string name, string target)
    {
        using AssemblyDefinition assembly = AssemblyDefinition.CreateAssembly(new AssemblyNameDefinition(name, new Version(1, 0)), name, ModuleKind.Dll);
        AssemblyNameReference reference = new(target, new Version(1, 0));
        assembly.MainModule.AssemblyReferences.Add(reference);
        assembly.MainModule.ExportedTypes.Add(new ExportedType("", "Lost", assembly.MainModule, reference) { IsForwarder = true });
        assembly.Write(Path.Combine(folder, name + ".dll"));
    }

    private static void Catch(ILProcessor il, Instruction tryStart, Instruction handlerStart, Instruction handlerEnd) =>
        il.Body.ExceptionHandlers.Add(new ExceptionHandler(ExceptionHandlerType.Catch)
        {
            TryStart = tryStart,
            TryEnd = handlerStart,
            HandlerStart = handlerStart,
            HandlerEnd = handlerEnd,
            CatchType = il.Body.Method.Module.TypeSystem.Object,
        });

    private static (int Checks, WeaveReport Report) Run(Action<ILProcessor> emit, bool optimize = true) => Run((il, _) => emit(il), optimize);

    // The body leaves an int; Run returns it as text. Local 0 is an int, local 1 a native int.
    private static (int Checks, WeaveReport Report) Run(Action<ILProcessor, TypeDefinition> emit, bool optimize = true)
    {
        (byte[] shell, _) = StandIn.Compile("public static class Sample { public static string Run() => Body().ToString(); static int Body() => 0; }");
        using ModuleDefinition module = ModuleDefinition.ReadModule(new MemoryStream(shell));
        TypeDefinition type = module.GetType("Sample");
        MethodDefinition body = type.Methods.Single(m => m.Name == "Body");
        body.Body = new MethodBody(body) { InitLocals = true };
        body.Body.Variables.Add(new VariableDefinition(module.TypeSystem.Int32));
        body.Body.Variables.Add(new VariableDefinition(module.TypeSystem.IntPtr));
        ILProcessor il = body.Body.GetILProcessor();
        emit(il, type);
        il.Emit(OpCodes.Ret);
        if (optimize)
        {
            body.Body.OptimizeMacros();
        }

        using MemoryStream image = new();
        module.Write(image);
        return StandIn.RunBoth(image.ToArray());
    }
}
