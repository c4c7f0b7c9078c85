using System.Text;
using AngleSharp;
using AngleSharp.Dom;

// An HTML5 parser: a tokenizer of one big loop, a tree builder, CSS selectors and changes of the tree.
StringBuilder page = new("<!doctype html><title>corpus</title><body>");
for (int i = 0; i < 250; i++)
{
    page.Append($"<div class='row r{i % 5}' id=d{i}><p>text &amp; <b>bold <i>both</b> italic</i> &notanentity; &hearts;<table><tr><td>{i}<td>{i * i}</table><ul><li>a<li>b</ul><a href='/p?q={i}&r=1'>link</a></div>");
}

string source = page.ToString();
return await Rounds.Run(args, async () =>
{
    IBrowsingContext context = BrowsingContext.New(Configuration.Default);
    IDocument[] documents = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => context.OpenAsync(r => r.Content(source[..^(i * 1000)]).Address("http://localhost/base/")))));
    IDocument document = documents[0];
    string[] selectors = ["div.r3 > ul li:nth-child(2)", "td:first-child", "p b i", "a[href*='q=7']", "div:not(.r1):has(table) + div", "*"];
    IEnumerable<string> counts = selectors.Select(s => $"{s}: {document.QuerySelectorAll(s).Length}");
    foreach (IElement element in document.QuerySelectorAll(".r2"))
    {
        element.InnerHtml = "<span>replaced</span>" + element.QuerySelector("td").TextContent;
        element.ParentElement.AppendChild(element);
    }

    return $"{string.Join('\n', counts)}\n{Rounds.Sum(document.DocumentElement.OuterHtml)}\n{string.Join(' ', documents.Select(d => d.All.Length))}\n{document.QuerySelector("a").GetAttribute("href")} {document.Title}";
});
