Console.WriteLine("ilpreempt");
