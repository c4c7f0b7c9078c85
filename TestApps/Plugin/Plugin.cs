using Newtonsoft.Json.Linq;

/// <summary>A plug-in with a dependency of its own.</summary>
public class Plugin
{
    public string Run(string input)
    {
        JObject o = new() { ["in"] = input };
        int sum = 0;
        for (int i = 0; i < 1000; i++) { sum += i; }
        o["sum"] = sum;
        return o.ToString(Newtonsoft.Json.Formatting.None) + " " + (typeof(Plugin).Assembly.Location.Length > 0 ? Path.GetFileName(typeof(Plugin).Assembly.Location) : "no file");
    }

    public void Fail()
    {
        for (int i = 0; ; i++) { if (i == 3) { throw new Exception("from the plug-in"); } }
    }
}
