using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

// A file on disk: a model with relations, bulk inserts, queries that translate, raw SQL, a transaction that rolls back, readers in parallel.
return await Rounds.Run(args, async () =>
{
    string file = Path.Combine(Path.GetTempPath(), $"corpus-{Environment.ProcessId}-{Guid.NewGuid():N}.db");
    try
    {
        List<string> said = [];
        await using (Library library = new(file))
        {
            await library.Database.EnsureCreatedAsync();
            for (int i = 0; i < 30; i++)
            {
                Author author = new() { Name = $"Author {i:D2}", Born = new DateOnly(1900 + i, 1, 1) };
                for (int j = 0; j < 20; j++)
                {
                    author.Books.Add(new Book { Title = $"Book {i * j % 17} of {i}", Price = i + (j * 0.5), Pages = 100 + ((i * j) % 300) });
                }

                library.Add(author);
            }

            said.Add($"saved {await library.SaveChangesAsync()}");
        }

        await using (Library library = new(file))
        {
            var best = await library.Books.Where(b => b.Pages > 150 && b.Title.StartsWith("Book 1"))
                .GroupBy(b => b.Author.Name)
                .Select(g => new { g.Key, Count = g.Count(), Sum = g.Sum(b => b.Price) })
                .OrderByDescending(g => g.Sum).ThenBy(g => g.Key).Take(5).ToListAsync();
            said.AddRange(best.Select(b => $"{b.Key}: {b.Count} for {b.Sum:F1}"));
            List<Author> authors = await library.Authors.Include(a => a.Books.OrderBy(b => b.Title).ThenBy(b => b.Id)).AsSplitQuery().ToListAsync();
            said.Add(Rounds.Sum(string.Join('\n', authors.SelectMany(a => a.Books.Select(b => $"{a.Name} {b.Title} {b.Pages}")))));
            foreach (Book book in authors[3].Books)
            {
                book.Pages++;
            }

            library.Remove(authors[4]);
            said.Add($"changed {await library.SaveChangesAsync()}");
            said.Add($"raised {await library.Books.Where(b => b.Price < 10).ExecuteUpdateAsync(s => s.SetProperty(b => b.Price, b => b.Price * 2))}");
            await using var transaction = await library.Database.BeginTransactionAsync();
            await library.Books.ExecuteDeleteAsync();
            await transaction.RollbackAsync();
        }

        int[] counts = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
        {
            await using Library library = new(file);
            return await library.Books.CountAsync(b => b.Pages % 16 == i);
        })));
        said.Add($"counts {string.Join(' ', counts)} of {counts.Sum()}");
        await using (Library library = new(file))
        {
            library.Add(new Author { Name = "Author 01" });
            try
            {
                await library.SaveChangesAsync();
            }
            catch (DbUpdateException e)
            {
                said.Add(e.InnerException.Message);
            }
        }

        return string.Join('\n', said);
    }
    finally
    {
        SqliteConnection.ClearAllPools();
        File.Delete(file);
    }
});

sealed class Author
{
    public int Id { get; set; }

    public string Name { get; set; }

    public DateOnly Born { get; set; }

    public List<Book> Books { get; } = [];
}

sealed class Book
{
    public int Id { get; set; }

    public string Title { get; set; }

    public double Price { get; set; }

    public int Pages { get; set; }

    public Author Author { get; set; }
}

sealed class Library(string file) : DbContext
{
    public DbSet<Author> Authors => Set<Author>();

    public DbSet<Book> Books => Set<Book>();

    protected override void OnConfiguring(DbContextOptionsBuilder options) => options.UseSqlite($"Data Source={file}");

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<Author>().HasIndex(a => a.Name).IsUnique();
        model.Entity<Book>().HasOne(b => b.Author).WithMany(a => a.Books).OnDelete(DeleteBehavior.Cascade);
    }
}
