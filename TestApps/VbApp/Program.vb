' Visual Basic: On Error, filters, late binding, Select Case, iterators, async.
Imports System
Imports System.Collections.Generic
Imports System.Linq
Imports System.Threading.Tasks

Module Program
    Private ReadOnly Gate As New Object()

    Function Main(args As String()) As Integer
        Resuming()
        Jumping()
        Filtering()
        Late()
        Console.WriteLine(String.Join(",", Numbers(10).Where(Function(x) x Mod 2 = 1)))
        Console.WriteLine(Later(5).Result)
        Statics() : Statics() : Statics()
        Selecting()
        SyncLock Gate
            Dim total As Integer
            For i As Integer = 1 To 100000 Step 3
                total = total Xor i
            Next
            Console.WriteLine(total)
        End SyncLock
        Dim d As Double = 1.0
        Do Until d > 1000
            d *= 1.5
            If d > 500 Then Exit Do
        Loop
        Console.WriteLine(d)
        Dim xml = <root><a n="1"/><a n="2"/></root>
        Console.WriteLine(xml.<a>.Sum(Function(e) CInt(e.@n)))
        If args.Length > 0 Then Throw New InvalidOperationException("wanted crash")
        Return 4
    End Function

    Sub Resuming()
        On Error Resume Next
        Dim zero As Integer = 0
        Dim x As Integer = 1 \ zero
        Console.WriteLine($"error {Err.Number}")
        Err.Clear()
        For i As Integer = 1 To 3
            Dim a(1) As Integer
            a(i) = i
            Console.WriteLine($"loop {i} {Err.Number}")
            Err.Clear()
        Next
        Throw New Exception("swallowed")
        Console.WriteLine("after the throw")
    End Sub

    Sub Jumping()
        Dim tries As Integer = 0
        On Error GoTo Handler
        Dim s As String = Nothing
        If tries < 3 Then Console.WriteLine(s.Length)
        Console.WriteLine($"done after {tries}")
        Exit Sub
Handler:
        tries += 1
        If tries = 3 Then s = "abc"
        Resume
    End Sub

    Function Take(n As Integer) As Boolean
        Dim sum As Integer
        For i As Integer = 1 To 5
            sum += i
        Next
        Console.WriteLine($"filter {n} {sum}")
        Return n = 2
    End Function

    Sub Filtering()
        For n As Integer = 1 To 3
            Try
                Try
                    Throw New ArgumentException("n" & n)
                Catch ex As ArgumentException When Take(n)
                    Console.WriteLine("filtered " & ex.Message)
                Finally
                    Console.WriteLine("finally")
                End Try
            Catch ex As Exception
                Console.WriteLine("outer " & ex.Message)
            End Try
        Next
    End Sub

    Sub Late()
        Dim o As Object = New List(Of Integer) From {3, 1, 2}
        o.Sort()
        Console.WriteLine(o(0) & o.Count)
        Dim anything As Object = 5
        anything += "6"
        Console.WriteLine(anything)
    End Sub

    Iterator Function Numbers(n As Integer) As IEnumerable(Of Integer)
        For i As Integer = 0 To n
            Yield i
        Next
    End Function

    Async Function Later(n As Integer) As Task(Of Integer)
        Dim sum As Integer
        For i As Integer = 1 To n
            Await Task.Delay(1)
            sum += Await Task.Run(Function() i)
        Next
        Return sum
    End Function

    Sub Statics()
        Static count As Integer = 10
        count += 1
        Console.WriteLine($"static {count}")
    End Sub

    Sub Selecting()
        For Each x As Object In New Object() {1, "two", 3.5, Nothing}
            Select Case True
                Case TypeOf x Is Integer : Console.Write("integer ")
                Case TypeOf x Is String : Console.Write("string ")
                Case x Is Nothing : Console.WriteLine("nothing")
                Case Else : Console.Write("other ")
            End Select
        Next
    End Sub
End Module
