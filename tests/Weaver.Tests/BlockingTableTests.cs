using System.Reflection;
using System.Runtime.Loader;
using ILPreempt.Weaver.Passes;
using ILPreempt.Weaver.Rules;

namespace ILPreempt.Weaver.Tests;

/// <summary>The blocking table against the framework on one side and the runtime's wait reasons on the other.</summary>
public sealed class BlockingTableTests
{
    private static readonly Lazy<Dictionary<string, Type>> s_types = new(() => Directory
        .EnumerateFiles(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "System.*.dll")
        .Where(file => Path.GetFileName(file) != "System.Private.CoreLib.dll")
        .SelectMany(file =>
        {
            try
            {
                return AssemblyLoadContext.Default.LoadFromAssemblyPath(file).GetExportedTypes();
            }
            catch (Exception e) when (e is BadImageFormatException or FileLoadException)
            {
                return [];
            }
        })
        .Concat(typeof(object).Assembly.GetExportedTypes())
        .GroupBy(type => type.FullName!)
        .ToDictionary(group => group.Key, group => group.First()));

    public static TheoryData<string, string> Calls
    {
        get
        {
            TheoryData<string, string> calls = [];
            foreach (BlockingCall call in BlockingTable.All)
            {
                calls.Add(call.Type, call.Member);
            }

            return calls;
        }
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public void Member_InTheFramework_Exists(string type, string member)
    {
        BlockingCall call = BlockingTable.Find(type, member)!;
        Type declaring = s_types.Value[type.Replace('/', '+')];
        MethodInfo[] overloads = [.. declaring.GetMethods().Where(m => m.Name == member)];
        Assert.True(overloads.Length > 0, $"{type}.{member} does not exist");
        if (call.Guard.Length > 0)
        {
            MethodInfo? guard = declaring.GetMethod(call.Guard, Type.EmptyTypes);
            Type want = call.Guard is "get_CurrentCount" or "get_Count" ? typeof(int) : typeof(bool);
            Assert.True(guard?.ReturnType == want, $"{type}.{call.Guard} is not a {want.Name}");
            Assert.Contains(overloads, m => !m.IsStatic && m.GetParameters().Length == 0);
        }
    }

    [Fact]
    public void Reasons_OfTheWeaver_AreTheRuntimes()
    {
        Type reasons = typeof(Runtime.StackGuard).Assembly.GetType("ILPreempt.Runtime.Scheduling.WaitReason", throwOnError: true)!;
        Assert.Equal(Enum.GetNames(reasons), BlockingPass.Reasons);
        Assert.All(BlockingTable.All, call => Assert.Contains(call.Reason, BlockingPass.Reasons));
    }

    /// <summary>A name that waits in one overload waits in all, so a name of the table that is missing for a sibling type would show here.</summary>
    [Theory]
    [InlineData("System.Threading.Thread", "Sleep Join Yield")]
    [InlineData("System.Threading.WaitHandle", "WaitOne WaitAll WaitAny SignalAndWait")]
    [InlineData("System.Threading.Tasks.Task", "Wait WaitAll WaitAny")]
    [InlineData("System.Threading.Monitor", "Wait")]
    [InlineData("System.Net.Sockets.Socket", "Accept Connect Receive ReceiveFrom ReceiveMessageFrom Poll Select Send SendTo SendFile Disconnect")]
    [InlineData("System.Diagnostics.Process", "WaitForExit WaitForInputIdle Start")]
    [InlineData("System.Console", "Read ReadLine ReadKey")]
    public void BlockingNames_OfAType_AreAllInTheTable(string type, string names)
    {
        string[] listed = [.. BlockingTable.All.Where(c => c.Type == type).Select(c => c.Member).Order(StringComparer.Ordinal)];
        Assert.Equal(names.Split(' ').Order(StringComparer.Ordinal), listed);
    }
}
