namespace ILPreempt.Runtime;

/// <summary>
/// Keeps the weaver away from a method, a type with everything nested in it, or a whole assembly. Code without
/// checks runs as always; it is only never stopped at one.
/// </summary>
/// <remarks>Recognised by full name, so a program may also declare an attribute of this name itself.</remarks>
[AttributeUsage(
    AttributeTargets.Assembly | AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface
        | AttributeTargets.Method | AttributeTargets.Constructor,
    Inherited = false)]
public sealed class DoNotWeaveAttribute : Attribute
{
}
