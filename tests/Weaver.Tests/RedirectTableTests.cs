using System.Reflection;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Weaver.Tests;

/// <summary>The redirect table against the framework on one side and the runtime's targets on the other.</summary>
public sealed class RedirectTableTests
{
    private static readonly Type s_targets = typeof(ILPreempt.Runtime.StackGuard).Assembly.GetType(RedirectTable.TargetType, throwOnError: true)!;

    public static TheoryData<string, string> Names
    {
        get
        {
            TheoryData<string, string> names = [];
            foreach ((string, string) name in RedirectTable.Redirected.Select(r => (r.Type, r.Member)).Distinct())
            {
                names.Add(name.Item1, name.Item2);
            }

            return names;
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryOverload_IsRedirectedOrListedAsLeftAlone(string type, string member)
    {
        Type declaring = TypeOf(type);
        foreach (MethodInfo overload in declaring.GetMethods().Where(m => m.Name == member && m.DeclaringType == declaring))
        {
            string[] parameters = [.. overload.GetParameters().Select(p => p.ParameterType.FullName!)];
            Assert.Contains(
                RedirectTable.Redirected.Concat(RedirectTable.LeftAlone),
                r => r.Type == type && r.Member == member && r.IsInstance == !overload.IsStatic && r.Parameters.SequenceEqual(parameters));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryRedirect_HasATargetWithEqualStackEffect(string type, string member)
    {
        foreach (Redirect redirect in RedirectTable.Redirected.Where(r => r.Type == type && r.Member == member))
        {
            Type[] own = [.. redirect.Parameters.Select(TypeOf)];
            MethodInfo? source = TypeOf(type).GetMethod(member, own);
            Assert.True(source is not null && source.IsStatic != redirect.IsInstance, $"{redirect} does not exist");
            MethodInfo? target = s_targets.GetMethod(member, redirect.IsInstance ? [TypeOf(type), .. own] : own);
            Assert.True(target is { IsStatic: true, IsPublic: true }, $"no target for {redirect}");
            Assert.Equal(source!.ReturnType, target!.ReturnType);
        }
    }

    private static Type TypeOf(string name) =>
        typeof(object).Assembly.GetType(name) ?? throw new InvalidOperationException($"{name} is not in the core library.");
}
