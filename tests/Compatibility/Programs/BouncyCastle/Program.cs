using System.Text;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Engines;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Modes;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;
using Org.BouncyCastle.Math;
using Org.BouncyCastle.Security;

// Managed cryptography: tight loops over bytes and big integers, all of it from fixed seeds.
return await Rounds.Run(args, async () =>
{
    byte[] data = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 2000).Select(i => $"block {i}\n")));
    string[] digests = await Task.WhenAll(new Func<IDigest>[] { () => new Sha3Digest(256), () => new Blake2bDigest(256), () => new WhirlpoolDigest(), () => new SM3Digest() }.Select(make => Task.Run(() =>
    {
        IDigest digest = make();
        digest.BlockUpdate(data, 0, data.Length);
        byte[] sum = new byte[digest.GetDigestSize()];
        digest.DoFinal(sum, 0);
        return $"{digest.AlgorithmName} {Convert.ToHexString(sum)[..16]}";
    })));
    GcmBlockCipher cipher = new(new AesEngine());
    cipher.Init(true, new AeadParameters(new KeyParameter(data[..32]), 128, data[..12]));
    byte[] sealed_ = new byte[cipher.GetOutputSize(data.Length)];
    cipher.DoFinal(sealed_, cipher.ProcessBytes(data, 0, data.Length, sealed_, 0));
    Ed25519PrivateKeyParameters key = new(data[..32]);
    Ed25519Signer signer = new();
    signer.Init(true, key);
    signer.BlockUpdate(data, 0, data.Length);
    byte[] signature = signer.GenerateSignature();
    signer.Init(false, key.GeneratePublicKey());
    signer.BlockUpdate(data, 0, data.Length);
    BigInteger p = BigInteger.One.ShiftLeft(521).Subtract(BigInteger.One);
    BigInteger power = new BigInteger("123456789012345678901234567890").ModPow(p.ShiftRight(3), p);
    byte[] derived = SCrypt.Generate(data[..16], data[16..32], 256, 8, 1, 32);
    SecureRandom random = SecureRandom.GetInstance("SHA256PRNG", false);
    random.SetSeed(42);
    return $"{string.Join('\n', digests)}\ngcm {Rounds.Sum(sealed_)}\nsigned {Convert.ToHexString(signature)[..16]} {signer.VerifySignature(signature)}\npower {power.ToString(16)[..20]}, prime {p.IsProbablePrime(20)}\nscrypt {Convert.ToHexString(derived)[..16]}\nrandom {random.Next(1000)}";
});
