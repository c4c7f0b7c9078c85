using Lucene.Net.Analysis.Standard;
using Lucene.Net.Documents;
using Lucene.Net.Index;
using Lucene.Net.QueryParsers.Classic;
using Lucene.Net.Search;
using Lucene.Net.Store;
using Lucene.Net.Util;

// Indexing from several threads with merges in the background, deletes, and queries of each kind.
const LuceneVersion Version = LuceneVersion.LUCENE_48;
string[] words = ["park", "ready", "steal", "spin", "slice", "queue", "timer", "signal", "stack", "check"];
return await Rounds.Run(args, () =>
{
    using RAMDirectory folder = new();
    using StandardAnalyzer analyzer = new(Version);
    using (IndexWriter writer = new(folder, new IndexWriterConfig(Version, analyzer) { MaxBufferedDocs = 50 }))
    {
        Parallel.For(0, 4, part =>
        {
            for (int i = part * 100; i < (part + 1) * 100; i++)
            {
                writer.AddDocument(
                [
                    new StringField("id", i.ToString(), Field.Store.YES),
                    new TextField("text", string.Join(' ', Enumerable.Range(0, 20).Select(j => words[(i * j) % words.Length] + (i % 7))), Field.Store.NO),
                    new Int32Field("size", i % 50, Field.Store.YES),
                ]);
            }
        });
        writer.DeleteDocuments(new Term("id", "13"));
        writer.Commit();
        writer.ForceMerge(1);
    }

    using DirectoryReader reader = DirectoryReader.Open(folder);
    IndexSearcher searcher = new(reader);
    QueryParser parser = new(Version, "text", analyzer);
    string[] queries = ["park3 AND steal3", "spin* -signal2", "\"park1 ready1\"~5", "tim?r4", "stakc5~2", "size:[1 TO 2] OR check0"];
    IEnumerable<string> said = queries.Select(q =>
    {
        TopDocs found = searcher.Search(parser.Parse(q), 1000);
        return $"{q}: {found.TotalHits}, {Rounds.Sum(string.Join(' ', found.ScoreDocs.Select(d => $"{searcher.Doc(d.Doc).Get("id")}").Order(StringComparer.Ordinal)))}";
    });
    TopDocs sized = searcher.Search(NumericRangeQuery.NewInt32Range("size", 10, 20, true, false), null, 1000, new Sort(new SortField("size", SortFieldType.INT32)));
    return string.Join('\n', said.Append($"documents {reader.NumDocs}, sized {sized.TotalHits}"));
});
