return ILPreempt.Weaver.Verification.JitVerifier.Main(args);
