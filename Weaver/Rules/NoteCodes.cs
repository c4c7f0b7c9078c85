namespace ILPreempt.Weaver.Rules;

/// <summary>The stable codes of docs/weaving.md. A test checks that each is listed there.</summary>
internal static class NoteCodes
{
    // Why a whole assembly is left alone.
    public const string NotManaged = "ILP0001";
    public const string MixedMode = "ILP0002";
    public const string MultiModule = "ILP0003";
    public const string AlreadyWoven = "ILP0004";
    public const string AssemblyOptedOut = "ILP0005";
    public const string Foundation = "ILP0006";
    public const string NothingToDo = "ILP0007";
    public const string RewriteFailed = "ILP0008";
    public const string ReferenceAssembly = "ILP0009";

    // What was lost on the way.
    public const string WindowsPdb = "ILP0010";
    public const string PdbMissing = "ILP0011";
    public const string PdbUnusable = "ILP0012";
    public const string NativeCodeDropped = "ILP0013";
    public const string SignatureDropped = "ILP0014";

    // What was left alone inside a woven assembly.
    public const string OptedOut = "ILP0020";
    public const string JumpOrArglist = "ILP0021";
    public const string MethodFailed = "ILP0022";
    public const string UnreadableBody = "ILP0023";
    public const string RedirectLeftAlone = "ILP0024";
    public const string Unresolved = "ILP0025";
}
