using Fluid;
using Fluid.Values;

// Liquid templates: parsed with a combinator library, rendered by asynchronous visitors.
const string Template = """
    {% assign total = 0 %}{% for p in products %}{% if p.Price > 5 %}{% assign total = total | plus: p.Price %}
    {{ forloop.index }}. {{ p.Name | upcase | truncate: 12 }} {{ p.Price | times: 1.5 | round: 2 }} {% unless p.Tags == empty %}[{{ p.Tags | join: ', ' }}]{% endunless %}{% endif %}{% endfor %}
    {% case products.size %}{% when 0 %}none{% else %}{{ products.size }} products{% endcase %}, total {{ total }}
    {% assign grouped = products | map: 'Name' | sort | uniq | slice: 0, 3 %}{{ grouped | join: '|' }} {{ 'a-b-c' | split: '-' | reverse | first }}
    {% for i in (1..20) %}{% cycle 'x', 'y', 'z' %}{% if i == 15 %}{% break %}{% endif %}{% endfor %} {{ 'late' | slow }}
    """;
FluidParser parser = new();
TemplateOptions options = new();
options.MemberAccessStrategy = new UnsafeMemberAccessStrategy();
options.Filters.AddFilter("slow", async (input, _, _) =>
{
    await Task.Yield();
    return new StringValue(input.ToStringValue() + "!");
});
return await Rounds.Run(args, async () =>
{
    string[] pages = await Task.WhenAll(Enumerable.Range(0, 40).Select(page => Task.Run(async () =>
    {
        if (!parser.TryParse(Template, out IFluidTemplate template, out string error))
        {
            throw new InvalidOperationException(error);
        }

        TemplateContext context = new(new { products = Enumerable.Range(0, 60).Select(i => new { Name = $"product {i * page % 13}", Price = i % 20, Tags = new[] { "a", "b" }.Take(i % 3) }).ToArray() }, options);
        return await template.RenderAsync(context);
    })));
    bool wrong = parser.TryParse("{% for %}", out _, out string message);
    return $"{pages[3]}\n{Rounds.Sum(string.Concat(pages))}\nwrong {wrong}: {message}";
});
