namespace ILPreempt.Runtime.Loading;

/// <summary>What the host offers to the guest it lives beside; implemented in the host's own load context. Thread-safe; never throws.</summary>
internal interface ILateWeaver
{
    /// <summary>The woven copy of a file, or null if the original is to be loaded.</summary>
    string? WeaveFile(string path);

    /// <summary>The woven image and its symbols, or null if the original is to be loaded.</summary>
    (byte[] Image, byte[]? Symbols)? WeaveImage(byte[] image, byte[]? symbols);
}
