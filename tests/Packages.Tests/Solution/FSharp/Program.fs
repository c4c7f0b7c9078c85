module Program
open System
open ILPreempt.Runtime

let mutable stop = false

let spin () =
    let mutable n = 0L
    while not (Threading.Volatile.Read &stop) do
        n <- n + 1L

let fail () : unit = raise (InvalidOperationException "fail")

[<EntryPoint>]
let main _ =
    Goroutine.Start(Action spin)
    Goroutine.Sleep(TimeSpan.FromMilliseconds 20.0)
    Threading.Volatile.Write(&stop, true)
    printfn "goroutine %d" Goroutine.CurrentId
    try fail () with e -> printfn "%s" (e.StackTrace.Split('\n').[0].Trim())
    0
