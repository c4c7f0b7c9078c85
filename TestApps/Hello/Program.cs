Console.WriteLine("Hello, " + (args.Length > 0 ? string.Join(' ', args) : "World") + "!");
