using System.Runtime.CompilerServices;
using Mono.Cecil;

namespace ILPreempt.Weaver.Rules;

/// <summary>
/// Makes the header say what the output is: IL only, unsigned. Name, version, culture and public key stay, since
/// they are the identity; the signature is only a proof of bytes that have changed, and CoreCLR never looks at it.
/// </summary>
internal static class ImageFlags
{
    // PE characteristics of a dll without structured exception handling, as compilers emit it.
    private const ModuleCharacteristics Plain =
        ModuleCharacteristics.DynamicBase | ModuleCharacteristics.NoSEH | ModuleCharacteristics.NXCompat | ModuleCharacteristics.TerminalServerAware;

    private const ModuleAttributes ILLibrary = (ModuleAttributes)4;

    public static void MakePlain(WeaveContext context)
    {
        ModuleDefinition module = context.Module;
        TablesOfTwoPointZero(module) = TargetRuntime.Net_4_0;
        if ((module.Attributes & ModuleAttributes.ILOnly) == 0 || (module.Attributes & ILLibrary) != 0)
        {
            module.Attributes = (module.Attributes | ModuleAttributes.ILOnly) & ~ILLibrary;
            module.Architecture = TargetArchitecture.I386;
            module.Characteristics = Plain;
            context.Note(NoteCodes.NativeCodeDropped, "The ReadyToRun code of the original is not carried over; its methods are compiled when first called.");
        }

        if ((module.Attributes & ModuleAttributes.StrongNameSigned) != 0)
        {
            module.Attributes &= ~ModuleAttributes.StrongNameSigned;
            context.Note(NoteCodes.SignatureDropped, "The strong-name signature is dropped; name, version and public key are unchanged.");
        }
    }

    // Cecil takes the table format from the first digit of the metadata version, which compilers may choose: F#
    // Interactive emits "v10.0.0", read as 1.1, whose tables know no generics, and CoreCLR calls the output corrupt.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "runtime")]
    private static extern ref TargetRuntime TablesOfTwoPointZero(ModuleDefinition module);
}
