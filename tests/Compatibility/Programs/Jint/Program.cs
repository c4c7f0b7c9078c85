using Jint;
using Jint.Native;

// A JavaScript engine: an interpreter's tree of virtual calls, with closures, generators, regular expressions, JSON, errors and calls into .NET.
const string Script = """
    function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    function sieve(n) {
      const marks = new Uint8Array(n + 1); let count = 0;
      for (let i = 2; i <= n; i++) { if (!marks[i]) { count++; for (let j = i * i; j <= n; j += i) marks[j] = 1; } }
      return count;
    }
    class Body {
      constructor(x, v, m) { this.x = x; this.v = v; this.m = m; }
      get energy() { return 0.5 * this.m * this.v * this.v; }
    }
    function bodies(steps) {
      const all = [new Body(0, 0, 10), new Body(5, 0.3, 1), new Body(-7, -0.2, 2)];
      for (let s = 0; s < steps; s++) {
        for (const a of all) for (const b of all) if (a !== b) { const d = b.x - a.x; a.v += 0.01 * b.m * d / (Math.abs(d) ** 3 + 1); }
        for (const a of all) a.x += a.v * 0.01;
      }
      return all.reduce((e, b) => e + b.energy, 0).toFixed(8);
    }
    function* evens() { for (let i = 0; ; i += 2) yield i; }
    function take(it, n) { const out = []; for (const x of it) { if (out.length === n) break; out.push(x); } return out; }
    function words(n) {
      const text = Array.from({ length: n }, (_, i) => 'w' + (i * 7919 % 101)).join(' ');
      const counts = new Map();
      for (const [w] of text.matchAll(/w\d+/g)) counts.set(w, (counts.get(w) ?? 0) + 1);
      return JSON.stringify([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5));
    }
    function fails() { try { null.x; } catch (e) { return e.constructor.name + (() => { try { throw { a: 1 } } finally { host.log('finally'); } }); } }
    function thrown() { try { host.fail(); } catch (e) { return String(e); } }
    """;
return await Rounds.Run(args, () =>
{
    List<string> log = [];
    Engine engine = new(options => options.CatchClrExceptions());
    engine.SetValue("host", new Host(log));
    engine.Execute(Script);
    string[] calls =
    [
        "fib(17)", "sieve(20000)", "bodies(500)", "take(evens(), 50).reduce((a, b) => a + b)", "words(2000)", "typeof fails()", "thrown()",
        "[5, 3, 10, 1].sort().concat([...'áb']).map(x => host.twice(x)).join()", "(async () => { await null; return 7; })()",
    ];
    foreach (string call in calls)
    {
        JsValue value = engine.Evaluate(call);
        log.Add($"{call} = {value.UnwrapIfPromise()}");
    }

    Task<string>[] engines = [.. Enumerable.Range(0, 4).Select(i => Task.Run(() => new Engine().Execute(Script).Evaluate($"fib({10 + i}) + ' ' + words({100 * i})").AsString()))];
    Task.WaitAll(engines);
    return string.Join('\n', log.Concat(engines.Select(e => e.Result)));
});

internal sealed class Host(List<string> log)
{
    public void Log(string text) => log.Add(text);

    public string Twice(object value) => $"{value}{value}";

    public void Fail() => throw new InvalidOperationException("from .NET");
}
