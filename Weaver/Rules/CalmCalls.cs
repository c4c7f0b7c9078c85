namespace ILPreempt.Weaver.Rules;

/// <summary>
/// Framework members that never call back into user code, with what one call costs in IL instructions.
/// </summary>
/// <remarks>
/// The list only removes checks: a member that is missing here is taken to call back, and a call without a cost is
/// never skipped over by a strip-mined loop. So it names what hot code calls, not everything that would qualify.
/// A cost of 0 says "calm, but not of constant time". A constructor counts only if its arguments are harmless too,
/// since many take an enumerable. An asterisk names every member.
/// </remarks>
internal static class CalmCalls
{
    private const string Table = """
        System.Object .ctor=1 GetType=2 ReferenceEquals=1 MemberwiseClone=0
        System.ValueType .ctor=1
        System.Attribute .ctor=1
        System.EventArgs .ctor=1
        System.Delegate Combine=0 Remove=0 op_Equality=8 op_Inequality=8
        System.Type GetTypeFromHandle=2 op_Equality=1 op_Inequality=1
        System.String get_Length=1 get_Chars=3 op_Equality=0 op_Inequality=0 IsNullOrEmpty=3
        System.Math Abs=3 Max=3 Min=3 *=20
        System.MathF Abs=3 Max=3 Min=3 *=20
        System.BitConverter *=0
        System.Numerics.BitOperations *=4
        System.Numerics.Vector *=6
        System.Numerics.Vector`1 *=6
        System.Numerics.Vector2 *=6
        System.Numerics.Vector3 *=6
        System.Numerics.Vector4 *=6
        System.Numerics.Complex *=20
        System.Runtime.Intrinsics.Vector128 *=6
        System.Runtime.Intrinsics.Vector256 *=6
        System.Runtime.Intrinsics.Vector512 *=6
        System.Runtime.Intrinsics.Vector128`1 *=6
        System.Runtime.Intrinsics.Vector256`1 *=6
        System.Runtime.Intrinsics.Vector512`1 *=6
        System.Runtime.Intrinsics.X86.Sse2 *=2
        System.Runtime.Intrinsics.X86.Avx *=2
        System.Runtime.Intrinsics.X86.Avx2 *=2
        System.Char *=6
        System.Double IsNaN=2 IsInfinity=2 IsFinite=2
        System.Array get_Length=1 GetLength=4 GetLowerBound=4 GetUpperBound=4 get_Rank=2 Empty=2 Copy=0 Clear=0 Clone=0 Resize=0 Reverse=0
        System.Nullable`1 .ctor=1 get_HasValue=1 get_Value=2 GetValueOrDefault=1
        System.ValueTuple`2 .ctor=2
        System.ValueTuple`3 .ctor=3
        System.ValueTuple`4 .ctor=4
        System.Span`1 .ctor=4 get_Item=3 get_Length=1 get_IsEmpty=1 Slice=6 op_Implicit=3 CopyTo=0 Fill=0 Clear=0 ToArray=0 GetEnumerator=2
        System.ReadOnlySpan`1 .ctor=4 get_Item=3 get_Length=1 get_IsEmpty=1 Slice=6 op_Implicit=3 CopyTo=0 ToArray=0 GetEnumerator=2
        System.Span`1/Enumerator MoveNext=4 get_Current=3
        System.ReadOnlySpan`1/Enumerator MoveNext=4 get_Current=3
        System.Memory`1 get_Length=1 get_IsEmpty=1 Slice=6 op_Implicit=3
        System.ReadOnlyMemory`1 get_Length=1 get_IsEmpty=1 Slice=6
        System.MemoryExtensions AsSpan=6 AsMemory=6
        System.Runtime.InteropServices.MemoryMarshal *=4
        System.Runtime.CompilerServices.Unsafe *=2
        System.Runtime.CompilerServices.RuntimeHelpers InitializeArray=0 CreateSpan=2 IsReferenceOrContainsReferences=1 GetSubArray=0 EnsureSufficientExecutionStack=8 get_OffsetToStringData=1
        System.Threading.Interlocked *=20
        System.Threading.Volatile *=2
        System.Threading.Monitor Enter=0 Exit=0 TryEnter=0 Pulse=0 PulseAll=0
        System.GC SuppressFinalize=0 KeepAlive=1
        System.Environment get_CurrentManagedThreadId=3 get_TickCount=10 get_TickCount64=10 get_NewLine=2
        System.Diagnostics.Stopwatch *=0
        System.Text.StringBuilder get_Length=4 get_Chars=0
        System.Collections.Generic.KeyValuePair`2 .ctor=2 get_Key=1 get_Value=1
        System.Collections.Generic.List`1 .ctor=0 get_Item=4 set_Item=5 get_Count=1 get_Capacity=1 set_Capacity=0 Add=0 Clear=0 RemoveAt=0 RemoveRange=0 Insert=0 GetEnumerator=3 ToArray=0 Reverse=0 EnsureCapacity=0 GetRange=0 CopyTo=0
        System.Collections.Generic.List`1/Enumerator MoveNext=6 get_Current=1 Dispose=1
        System.Collections.Generic.Stack`1 .ctor=0 Push=0 Pop=0 Peek=4 TryPop=0 TryPeek=4 get_Count=1 Clear=0
        System.Collections.Generic.Queue`1 .ctor=0 Enqueue=0 Dequeue=0 Peek=4 TryDequeue=0 TryPeek=4 get_Count=1 Clear=0
        System.Collections.Generic.Dictionary`2 get_Count=1 GetEnumerator=3 get_Keys=0 get_Values=0 Clear=0
        System.Collections.Generic.Dictionary`2/Enumerator MoveNext=0 get_Current=2 Dispose=1
        System.Collections.Generic.HashSet`1 get_Count=1 GetEnumerator=3 Clear=0
        System.Collections.Generic.HashSet`1/Enumerator MoveNext=0 get_Current=2 Dispose=1
        System.Collections.Generic.EqualityComparer`1 get_Default=2
        System.Collections.Generic.Comparer`1 get_Default=2
        System.Runtime.CompilerServices.AsyncTaskMethodBuilder Create=2 get_Task=0
        System.Runtime.CompilerServices.AsyncTaskMethodBuilder`1 Create=2 get_Task=0
        """;

    private static readonly Dictionary<string, Dictionary<string, int>> s_members = Parse();

    /// <summary>
    /// Cost of one call in IL instructions, 0 if calm without a bound, null if the member may call back.
    /// </summary>
    public static int? Cost(string type, string member) =>
        s_members.TryGetValue(type, out Dictionary<string, int>? members)
            && (members.TryGetValue(member, out int cost) || members.TryGetValue("*", out cost))
                ? cost
                : null;

    /// <summary>Every listed pair, for the test that each exists.</summary>
    internal static IEnumerable<(string Type, string Member)> All =>
        s_members.SelectMany(t => t.Value.Keys.Select(m => (t.Key, m)));

    private static Dictionary<string, Dictionary<string, int>> Parse()
    {
        Dictionary<string, Dictionary<string, int>> result = new(StringComparer.Ordinal);
        foreach (string line in Table.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            Dictionary<string, int> members = new(StringComparer.Ordinal);
            foreach (string word in words.AsSpan(1))
            {
                int equals = word.IndexOf('=', StringComparison.Ordinal);
                members.Add(word[..equals], int.Parse(word.AsSpan(equals + 1)));
            }

            result.Add(words[0], members);
        }

        return result;
    }
}
