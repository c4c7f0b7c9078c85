Imports System
Imports ILPreempt.Runtime
Module Program
    Private stopped As Boolean
    Sub Spin()
        Dim n As Long = 0
        While Not Threading.Volatile.Read(stopped)
            n += 1
        End While
    End Sub
    Sub Fail()
        Throw New InvalidOperationException("fail")
    End Sub
    Sub Main()
        Goroutine.Start(AddressOf Spin)
        Goroutine.Sleep(TimeSpan.FromMilliseconds(20))
        Threading.Volatile.Write(stopped, True)
        Console.WriteLine("goroutine " & Goroutine.CurrentId)
        Try
            Fail()
        Catch e As InvalidOperationException
            Console.WriteLine(e.StackTrace.Split(ControlChars.Lf)(0).Trim())
        End Try
    End Sub
End Module
