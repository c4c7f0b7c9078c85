using Mono.Cecil;

namespace ILPreempt.Weaver.Resolving;

/// <summary>Reads the declarations of a module on another thread while the scan looks at its code.</summary>
/// <remarks>
/// Cecil reads what it has not read yet when it writes, and it is not thread-safe: so a thread of its own touches
/// everything once before anybody else has the module. Not the bodies: a body that was read is no longer copied as bytes.
/// </remarks>
internal static class EarlyRead
{
    // Below this the scan is over before the other thread has begun.
    private const int Worthwhile = 1 << 20;

    /// <summary>Starts reading, or returns null where it would not pay.</summary>
    public static Task<ModuleDefinition>? Start(byte[] image, Func<byte[], ModuleDefinition> open) =>
        image.Length < Worthwhile || Environment.ProcessorCount == 1 ? null : Task.Run(() =>
        {
            ModuleDefinition module = open(image);
            foreach (TypeDefinition type in module.GetTypes())
            {
                Touch(type);
            }

            return module;
        });

    private static void Touch(TypeDefinition type)
    {
        TouchAttributes(type);
        TouchParameters(type);
        foreach (InterfaceImplementation implementation in type.HasInterfaces ? type.Interfaces : [])
        {
            TouchAttributes(implementation);
        }

        foreach (FieldDefinition field in type.HasFields ? type.Fields : [])
        {
            TouchAttributes(field);
            _ = field.HasConstant && field.Constant is not null;
        }

        foreach (MethodDefinition method in type.HasMethods ? type.Methods : [])
        {
            Touch(method);
        }

        foreach (PropertyDefinition property in type.HasProperties ? type.Properties : [])
        {
            TouchAttributes(property);
        }

        foreach (EventDefinition @event in type.HasEvents ? type.Events : [])
        {
            TouchAttributes(@event);
        }
    }

    private static void Touch(MethodDefinition method)
    {
        TouchAttributes(method);
        TouchParameters(method);
        _ = method.HasOverrides && method.Overrides.Count > 0;
        TouchAttributes(method.MethodReturnType);
        foreach (ParameterDefinition parameter in method.HasParameters ? method.Parameters : [])
        {
            TouchAttributes(parameter);
            _ = parameter.HasConstant && parameter.Constant is not null;
        }
    }

    private static void TouchParameters(IGenericParameterProvider provider)
    {
        foreach (GenericParameter parameter in provider.HasGenericParameters ? provider.GenericParameters : [])
        {
            TouchAttributes(parameter);
            _ = parameter.HasConstraints && parameter.Constraints.Count > 0;
        }
    }

    private static void TouchAttributes(ICustomAttributeProvider provider) => _ = provider.HasCustomAttributes && provider.CustomAttributes.Count > 0;
}
