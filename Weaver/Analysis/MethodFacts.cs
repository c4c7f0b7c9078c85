namespace ILPreempt.Weaver.Analysis;

/// <summary>What the pre-scan learnt about a method, and what was decided from it.</summary>
[Flags]
internal enum MethodFacts : ushort
{
    None = 0,

    /// <summary>Has IL.</summary>
    Body = 1,

    /// <summary>Has a backward jump.</summary>
    Loop = 1 << 1,

    /// <summary>Calls anything at all, calm or not.</summary>
    Calls = 1 << 2,

    /// <summary>Calls foreign code that is not on the calm list, so anything may run below it.</summary>
    CallsUnknown = 1 << 3,

    /// <summary>Has a filter block.</summary>
    Filter = 1 << 4,

    /// <summary>Mentions a member of the redirect table or of the blocking table.</summary>
    Redirect = 1 << 5,

    /// <summary>Is a class constructor or UnmanagedCallersOnly: nothing may be stopped in it.</summary>
    NoStop = 1 << 6,

    /// <summary>Is under DoNotWeave.</summary>
    OptedOut = 1 << 7,

    /// <summary>Has jmp or arglist.</summary>
    JumpOrArglist = 1 << 8,

    /// <summary>Has bytes that are not IL.</summary>
    Unreadable = 1 << 9,

    /// <summary>Decided: gets a check at its start.</summary>
    PrologueCheck = 1 << 10,

    /// <summary>Decided: is NoStop and may reach a check, so it gets NoPreempt calls.</summary>
    GuardWhole = 1 << 11,

    /// <summary>A check may be put in at all.</summary>
    Checkable = 1 << 12,
}
