using System.Text;
using Markdig;
using Markdig.Syntax;

// Markdown with all extensions: a parser of nested loops over characters, in parallel too.
MarkdownPipeline pipeline = new MarkdownPipelineBuilder().UseAdvancedExtensions().Build();
StringBuilder text = new();
for (int i = 0; i < 60; i++)
{
    text.Append($$"""
        # Chapter {{i}} {#c{{i}}}

        Some *emphasis*, **strong**, `code`, ~~struck~~ and a [link](https://example.com/{{i}} "title") with a footnote[^{{i}}].

        | a | b |
        |---|:-:|
        | {{i}} | {{i * i}} |

        1. one
           - nested {{i}}
             > quoted **{{i}}**
        2. two
        - [x] done
        - [ ] open

        ```csharp
        for (int i = 0; i < {{i}}; i++) { }
        ```

        Term
        :   Definition <b>{{i}}</b> &amp; &copy; $x^{{i}}$

        [^{{i}}]: Note {{i}}.


        """);
}

string source = text.ToString();
return await Rounds.Run(args, () =>
{
    MarkdownDocument document = Markdown.Parse(source, pipeline);
    string html = document.ToHtml(pipeline);
    string[] many = [.. Enumerable.Range(0, 8).AsParallel().AsOrdered().Select(i => Markdown.ToHtml(source[(i * 100)..], pipeline))];
    return $"blocks {document.Descendants<Block>().Count()}\n{Rounds.Sum(html)}\n{Rounds.Sum(string.Concat(many))}\n{Rounds.Sum(Markdown.ToPlainText(source, pipeline))}";
});
