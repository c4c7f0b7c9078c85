using Mono.Cecil.Cil;

namespace ILPreempt.Weaver.IL;

/// <summary>
/// A short loop without a counter that could be tested is written out several times, with one read of the poll word
/// in as many rounds.
/// </summary>
/// <remarks>
/// <code>
/// head: body; brtrue head         head: body; brtrue 2; br after
///                                 2: body; brtrue 3; br after
///                                 3: body; brtrue 4; br after
///                                 4: body; brfalse after; if (poll) goto twin; br head
/// after:                          after:
/// </code>
/// <para>The read stands at the end, so that a loop of fewer rounds never comes to it. Not for loops whose condition
/// compares a counter: their rounds are tied together by what the JIT knows of the counter, and written out they would
/// each check bounds again.</para>
/// </remarks>
internal static class UnrolledLoop
{
    /// <summary>Rounds per read. With eight the code is twice as long and not faster.</summary>
    public const int Copies = 4;

    // Above this the read is less than a tenth of a round.
    private const int MaxBody = 40;

    public static bool IsPossible(MethodEditor editor, Loop loop) =>
        loop.Sources.Count == 1
        && loop.Last - loop.Head <= MaxBody
        && editor.Code[loop.Last].OpCode.Code is not (Code.Leave or Code.Leave_S)
        && !loop.HasSwitch(editor);

    /// <summary>Writes it out. To be called before code of others is put after the loop's last instruction.</summary>
    /// <param name="editor">The method.</param>
    /// <param name="loop">An innermost loop.</param>
    /// <param name="poll">Makes a read of the poll word.</param>
    /// <returns>The way to the twin.</returns>
    public static WayOut Apply(MethodEditor editor, Loop loop, Func<Instruction[]> poll)
    {
        List<Instruction> code = [];
        List<CopiedLine> lines = [];
        Instruction whenUp = Instruction.Create(OpCodes.Brtrue, MethodEditor.End);
        bool fallsThrough = editor.Code[loop.Last].OpCode.FlowControl == FlowControl.Cond_Branch;
        Instruction[] read = poll();
        Instruction next = read[0];
        for (int i = 1; i < Copies; i++)
        {
            Instruction[] round = loop.Copy(editor, next);
            next = round[0];
            code.InsertRange(0, fallsThrough ? [Instruction.Create(OpCodes.Br, MethodEditor.End), .. round] : round);
            lines.InsertRange(0, round.Select((instruction, k) => new CopiedLine(instruction, loop.Head + k, k == 0)));
        }

        if (fallsThrough)
        {
            code.Add(Instruction.Create(OpCodes.Br, MethodEditor.End));
        }

        editor.After(loop.Last, [.. code, .. read, whenUp, Instruction.Create(OpCodes.Br, editor.Code[loop.Head])]);
        editor.CopyLines(loop.Last, lines);
        editor.Retarget(loop.Last, next);
        return new WayOut(loop, poll, whenUp, editor.Code[loop.Head]);
    }
}
