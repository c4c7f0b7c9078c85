// F#: tail calls, async, a mailbox, pattern matching, units, computation expressions, printf.
module Program

open System
open System.Threading
open System.Threading.Tasks

let rec even n = if n = 0 then true else odd (n - 1)
and odd n = if n = 0 then false else even (n - 1)

type Shape =
    | Circle of float
    | Rect of float * float

let area shape =
    match shape with
    | Circle r -> Math.Round(Math.PI * r * r, 3)
    | Rect (w, h) when w = h -> w * w
    | Rect (w, h) -> w * h

let (|Fizz|Buzz|FizzBuzz|Other|) n =
    match n % 3, n % 5 with
    | 0, 0 -> FizzBuzz
    | 0, _ -> Fizz
    | _, 0 -> Buzz
    | _ -> Other n

type Message =
    | Add of int
    | Get of AsyncReplyChannel<int>

let counter =
    MailboxProcessor.Start(fun inbox ->
        let rec loop total =
            async {
                match! inbox.Receive() with
                | Add n -> return! loop (total + n)
                | Get reply ->
                    reply.Reply total
                    return! loop total
            }
        loop 0)

let rec cps n k = if n = 0L then k 0L else cps (n - 1L) (fun sum -> k (sum + n))

exception Wanted of string

[<Measure>] type m

let lazies = Seq.unfold (fun (a, b) -> Some(a, (b, a + b))) (0, 1) |> Seq.cache

[<EntryPoint>]
let main args =
    printfn "tail %b" (even 10_000_000)
    printfn "cps %d" (cps 300_000L id)
    printfn "areas %A" ([ Circle 1.0; Rect(2.0, 2.0); Rect(2.0, 3.0) ] |> List.map area)
    [ 1..15 ]
    |> List.map (function Fizz -> "fizz" | Buzz -> "buzz" | FizzBuzz -> "fizzbuzz" | Other n -> string n)
    |> String.concat " "
    |> printfn "%s"
    for i in 1..1000 do counter.Post(Add i)
    printfn "mailbox %d" (counter.PostAndReply Get)
    let work i = async {
        do! Async.Sleep 1
        return i * i }
    printfn "parallel %d" (Seq.init 50 work |> Async.Parallel |> Async.RunSynchronously |> Array.sum)
    let t = task {
        let mutable sum = 0
        for i in 1..10 do
            let! x = Task.Run(fun () -> i * 2)
            sum <- sum + x
        return sum }
    printfn "task %d" t.Result
    printfn "lazy %A" (lazies |> Seq.take 10 |> List.ofSeq)
    printfn "map %A" (Map.ofList [ for i in 1..5 -> i, String('x', i) ])
    let distance = 3.0<m>
    printfn "units %.1f" (float (distance * 2.0))
    try
        try raise (Wanted "inside")
        finally printfn "finally"
    with
    | Wanted s -> printfn "caught %s" s
    let cancelled =
        try
            use source = new CancellationTokenSource(10)
            Async.RunSynchronously(async { while true do do! Async.Sleep 0 }, -1, source.Token)
            false
        with :? OperationCanceledException -> true
    printfn "cancelled %b" cancelled
    let mutable collatz = 27
    let mutable steps = 0
    while collatz <> 1 do
        collatz <- if collatz % 2 = 0 then collatz / 2 else 3 * collatz + 1
        steps <- steps + 1
    printfn "steps %d, args %d" steps args.Length
    if args.Length > 0 then failwith "wanted crash"
    2
