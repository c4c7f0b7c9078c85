Console.WriteLine("Hello, " + (args.Length > 0 ? string.Join(' ', args) : "World") + "!");

// Hello can also be somebody's startup hook.
internal class StartupHook
{
    public static void Initialize() => Console.WriteLine("hook of the user");
}
