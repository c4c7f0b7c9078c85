using System.Buffers.Binary;

namespace ILPreempt.Weaver.Analysis;

/// <summary>
/// Walks raw IL bytes without making objects: the pre-scan looks at every body of an assembly and touches few.
/// Two-byte opcodes have 0xFE in the high byte. Any malformed byte ends the walk with <see cref="IsBroken"/>.
/// </summary>
internal ref struct IlReader(ReadOnlySpan<byte> code)
{
    public const int Jmp = 0x27, Call = 0x28, Calli = 0x29, Ret = 0x2A, Switch = 0x45, Callvirt = 0x6F, Newobj = 0x73, Newarr = 0x8D,
        Leave = 0xDD, LeaveShort = 0xDE, Arglist = 0xFE00, Ldftn = 0xFE06, Ldvirtftn = 0xFE07, Localloc = 0xFE0F,
        Endfilter = 0xFE11, Cpblk = 0xFE17, Initblk = 0xFE18;

    private readonly ReadOnlySpan<byte> _code = code;
    private int _operand;
    private int _next;

    public int Offset { get; private set; }

    public int OpCode { get; private set; }

    public bool IsBroken { get; private set; }

    /// <summary>The operand read as a metadata token.</summary>
    public readonly int Token => BinaryPrimitives.ReadInt32LittleEndian(_code[_operand..]);

    public bool Read()
    {
        if (_next >= _code.Length)
        {
            return false;
        }

        Offset = _next;
        OpCode = _code[_next];
        _operand = _next + 1;
        if (OpCode == 0xFE && _operand < _code.Length)
        {
            OpCode = 0xFE00 | _code[_operand++];
        }

        int size = OperandSize(OpCode);
        if (OpCode == Switch && _operand + 4 <= _code.Length)
        {
            long table = 4 + (4L * BinaryPrimitives.ReadUInt32LittleEndian(_code[_operand..]));
            size = table <= _code.Length ? (int)table : -1;
        }

        if (size < 0 || _operand + size > _code.Length)
        {
            IsBroken = true;
            return false;
        }

        _next = _operand + size;
        return true;
    }

    /// <summary>Whether the instruction can jump to an offset at or before its own.</summary>
    public readonly bool JumpsBack()
    {
        if (OpCode is (>= 0x2B and <= 0x37) or LeaveShort)
        {
            return _next + (sbyte)_code[_operand] <= Offset;
        }

        if (OpCode is (>= 0x38 and <= 0x44) or Leave)
        {
            return _next + BinaryPrimitives.ReadInt32LittleEndian(_code[_operand..]) <= Offset;
        }

        if (OpCode == Switch)
        {
            for (int i = _operand + 4; i < _next; i += 4)
            {
                if (_next + BinaryPrimitives.ReadInt32LittleEndian(_code[i..]) <= Offset)
                {
                    return true;
                }
            }
        }

        return false;
    }

    // ECMA-335 III.1.2, in its order; -1 is no opcode.
    private static int OperandSize(int opcode) => opcode switch
    {
        <= 0x0D => 0,
        <= 0x13 => 1,
        <= 0x1E => 0,
        0x1F => 1,
        0x20 or 0x22 => 4,
        0x21 or 0x23 => 8,
        0x25 or 0x26 => 0,
        >= 0x27 and <= 0x29 => 4,
        0x2A => 0,
        >= 0x2B and <= 0x37 => 1,
        >= 0x38 and <= 0x44 => 4,
        0x45 => 4,
        >= 0x46 and <= 0x6E => 0,
        >= 0x6F and <= 0x75 => 4,
        0x76 => 0,
        0x79 => 4,
        0x7A => 0,
        >= 0x7B and <= 0x81 => 4,
        >= 0x82 and <= 0x8B => 0,
        0x8C or 0x8D or 0x8F => 4,
        0x8E => 0,
        >= 0x90 and <= 0xA2 => 0,
        >= 0xA3 and <= 0xA5 => 4,
        >= 0xB3 and <= 0xBA => 0,
        0xC2 or 0xC6 or 0xD0 or 0xDD => 4,
        0xC3 => 0,
        >= 0xD1 and <= 0xDC => 0,
        0xDE => 1,
        0xDF or 0xE0 => 0,
        >= 0xFE00 and <= 0xFE05 => 0,
        0xFE06 or 0xFE07 or 0xFE15 or 0xFE16 or 0xFE1C => 4,
        >= 0xFE09 and <= 0xFE0E => 2,
        0xFE0F or 0xFE11 or 0xFE13 or 0xFE14 or 0xFE17 or 0xFE18 or 0xFE1A or 0xFE1D or 0xFE1E => 0,
        0xFE12 or 0xFE19 => 1,
        _ => -1,
    };
}
