using LiteDB;

// A database in one file, with a lock, a cache of pages and a log: inserts, indexes, queries, transactions, files, threads.
return await Rounds.Run(args, async () =>
{
    string file = Path.Combine(Path.GetTempPath(), $"corpus-{Environment.ProcessId}-{Guid.NewGuid():N}.litedb");
    try
    {
        List<string> said = [];
        using (LiteDatabase database = new(file))
        {
            ILiteCollection<Person> people = database.GetCollection<Person>("people");
            people.EnsureIndex(p => p.Age);
            people.EnsureIndex(p => p.Tags);
            said.Add($"inserted {people.InsertBulk(Enumerable.Range(1, 1500).Select(i => new Person { Id = i, Name = $"Person {i}", Age = i * 31 % 90, Tags = [$"t{i % 7}", $"u{i % 11}"] }))}");
            said.Add($"between {people.Count(p => p.Age >= 20 && p.Age < 30)}, tagged {people.Count(p => p.Tags.Contains("t3"))}");
            said.Add($"oldest {string.Join(", ", people.Query().Where(p => p.Age > 80).OrderByDescending(p => p.Age).Limit(3).ToList().Select(p => p.Age))}");
            database.BeginTrans();
            people.DeleteMany(p => p.Age < 50);
            database.Rollback();
            database.BeginTrans();
            int changed = people.UpdateMany(p => new Person { Name = p.Name + "!", Id = p.Id, Age = p.Age + 1, Tags = p.Tags }, p => p.Age < 10);
            database.Commit();
            said.Add($"changed {changed}, left {people.Count()}");
            await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(() =>
            {
                for (int i = 0; i < 40; i++)
                {
                    people.Upsert(new Person { Id = 10_000 + (writer * 40) + i, Name = "late", Age = writer, Tags = ["late"] });
                    _ = people.FindById(1 + (writer * 100) + i).Name;
                }
            })));
            said.Add($"late {people.Count(p => p.Tags.Contains("late"))}");
            using (MemoryStream content = new(new byte[300_000]))
            {
                database.FileStorage.Upload("blob", "blob.bin", content);
            }

            said.Add(string.Join(' ', database.Execute("SELECT { a: @key, n: COUNT(*) } FROM people GROUP BY Age HAVING COUNT(*) > 20").ToEnumerable().Select(r => r.ToString())));
        }

        using (LiteDatabase database = new(file))
        {
            said.Add($"again {database.GetCollection("people").Count()}, blob {database.FileStorage.FindById("blob").Length}");
            said.Add($"rebuilt {database.Rebuild() >= 0}, sum {database.GetCollection<Person>("people").FindAll().Sum(p => p.Age + p.Name.Length)}");
        }

        return string.Join('\n', said);
    }
    finally
    {
        File.Delete(file);
        File.Delete(Path.ChangeExtension(file, null) + "-log.litedb");
        File.Delete(Path.ChangeExtension(file, null) + "-backup.litedb");
    }
});

internal sealed class Person
{
    public int Id { get; set; }

    public string Name { get; set; }

    public int Age { get; set; }

    public List<string> Tags { get; set; }
}
