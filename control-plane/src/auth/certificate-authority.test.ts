import { execFileSync, spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAuthority } from "./authority-material.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { parseCertificateRequest } from "./certificate-request.js";
import { makeCertificateRequest, makeRsaRequest } from "./testing/certificate-request.js";

const DAY = 86_400_000;
const now = Date.now();
const hasOpenSsl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenSsl) process.stderr.write("SKIPPED: no openssl on this machine, so nothing else checks the certificates\n");

let folder: string;
let authority: CertificateAuthority;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sartor-ca-"));
  authority = await CertificateAuthority.of(await loadAuthority(folder, undefined, now));
});
afterAll(() => rm(folder, { recursive: true }));

async function issue(deviceId: string, lifeMs = 30 * DAY) {
  const { csr } = await makeCertificateRequest();
  const { publicKey } = await parseCertificateRequest(csr);
  return authority.issueDevice(deviceId, publicKey, now, lifeMs);
}

describe("the certificate authority", () => {
  it("is made once, at the first start, and only its owner reads its keys", async () => {
    const again = await CertificateAuthority.of(await loadAuthority(folder, undefined, now + DAY));
    expect(again.rootFingerprint).toBe(authority.rootFingerprint);
    for (const name of await readdir(join(folder, "ca"))) {
      expect((await stat(join(folder, "ca", name))).mode & 0o777).toBe(0o600);
    }
  });

  it("does not need the root's key any more, so it can be kept offline", async () => {
    await rename(join(folder, "ca", "root-key.pem"), join(folder, "elsewhere.pem"));
    await expect(loadAuthority(folder, undefined, now)).resolves.toBeDefined();
    await rename(join(folder, "elsewhere.pem"), join(folder, "ca", "root-key.pem"));
  });

  it("says what is wrong when a file is not the one that belongs there", async () => {
    const other = await mkdtemp(join(tmpdir(), "sartor-ca-"));
    await loadAuthority(other, undefined, now);
    const mixed = {
      root: join(folder, "ca", "root.pem"),
      intermediate: join(other, "ca", "intermediate.pem"),
      intermediateKey: join(other, "ca", "intermediate-key.pem"),
    };
    await expect(loadAuthority(folder, mixed, now)).rejects.toThrow("not issued by the root");
    const wrongKey = { ...mixed, intermediate: join(folder, "ca", "intermediate.pem") };
    await expect(loadAuthority(folder, wrongKey, now)).rejects.toThrow("not the intermediate's");
    await expect(loadAuthority(folder, undefined, now + 20 * 365 * DAY)).rejects.toThrow("intermediate ended");
    await rm(other, { recursive: true });
  });

  it("gives a device a certificate for itself and nothing else", async () => {
    const issued = await issue("gate-7-k3m9x2pq");
    const certificate = new X509Certificate(issued.pem);
    expect(certificate.subject).toBe("CN=gate-7-k3m9x2pq");
    expect(certificate.subjectAltName).toBe("URI:urn:sartor:device:gate-7-k3m9x2pq");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(certificate.ca).toBe(false);
    expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial);
    expect(authority.hasIssued(certificate)).toBe(true);
    expect(certificate.validFromDate.getTime()).toBe(Math.floor((now - 3_600_000) / 1_000) * 1_000);
    expect(certificate.validToDate.getTime()).toBe(issued.notAfter);
  });

  it("never issues for longer than the intermediate lives", async () => {
    expect((await issue("gate-7", 100 * 365 * DAY)).notAfter).toBeLessThanOrEqual(authority.endsAt);
  });

  it("takes the key of a request and ignores the names that it asks for", async () => {
    const { csr, keys } = await makeCertificateRequest("sartor-control-plane");
    const { publicKey } = await parseCertificateRequest(csr);
    const issued = await authority.issueDevice("gate-8", publicKey, now, DAY);
    const certificate = new X509Certificate(issued.pem);
    expect(certificate.subject).toBe("CN=gate-8");
    expect(certificate.checkPrivateKey(createPrivateKey(keys))).toBe(true);
  });

  it("refuses requests with another key, of another curve, of RSA, or that are no request at all", async () => {
    const { csr } = await makeCertificateRequest();
    const body = Buffer.from(csr.split("\n").slice(1, -2).join(""), "base64");
    const last = body.length - 1;
    body[last] = (body[last] ?? 0) ^ 1;
    const lines = body
      .toString("base64")
      .match(/.{1,64}/g)
      ?.join("\n");
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
    const refused = [
      changed,
      (await makeCertificateRequest("x", "P-384")).csr,
      await makeRsaRequest(),
      "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
      authority.rootPem,
    ];
    for (const each of refused) {
      await expect(parseCertificateRequest(each)).rejects.toMatchObject({ code: "SRT_CSR_INVALID" });
    }
  });

  it.skipIf(!hasOpenSsl)("issues what OpenSSL accepts, for the purpose it has and for no other", async () => {
    const at = (name: string) => join(folder, name);
    const device = await issue("gate-7-k3m9x2pq");
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const spki = publicKey.export({ format: "der", type: "spki" });
    const server = await authority.issueServer(["hub.local", "192.0.2.7", "2001:db8::1"], spki, now, DAY);
    await writeFile(at("root.pem"), authority.rootPem);
    await writeFile(at("intermediate.pem"), authority.intermediatePem);
    await writeFile(at("device.pem"), device.pem);
    await writeFile(at("server.pem"), server.pem);
    const verify = (...args: string[]) =>
      spawnSync(
        "openssl",
        ["verify", "-x509_strict", "-CAfile", at("root.pem"), "-untrusted", at("intermediate.pem"), ...args],
        {
          encoding: "utf8",
        },
      );
    expect(verify("-purpose", "sslclient", at("device.pem")).stdout).toContain("device.pem: OK");
    expect(verify("-purpose", "sslserver", at("device.pem")).status).not.toBe(0);
    expect(verify("-purpose", "sslserver", "-verify_hostname", "hub.local", at("server.pem")).stdout).toContain("OK");
    expect(verify("-purpose", "sslserver", "-verify_ip", "2001:db8::1", at("server.pem")).stdout).toContain("OK");
    expect(verify("-purpose", "sslserver", "-verify_hostname", "other.local", at("server.pem")).status).not.toBe(0);
    expect(verify("-purpose", "sslclient", at("server.pem")).status).not.toBe(0);

    const list = await authority.signRevocationList(
      [{ serial: device.serial, revokedAt: now, reason: "revoked" }],
      now,
      DAY,
    );
    await writeFile(at("crl.pem"), list.pem);
    await writeFile(at("crl.der"), list.der);
    const text = execFileSync("openssl", ["crl", "-in", at("crl.pem"), "-noout", "-text"], { encoding: "utf8" });
    expect(text).toContain(device.serial.toUpperCase());
    expect(text).toContain("Privilege Withdrawn");
    const der = execFileSync("openssl", ["crl", "-inform", "DER", "-in", at("crl.der"), "-noout", "-text"]);
    expect(der.toString()).toBe(text);
    const checked = verify("-crl_check", "-CRLfile", at("crl.pem"), at("device.pem"));
    expect(checked.stderr).toContain("certificate revoked");
    const another = await issue("gate-9");
    await writeFile(at("another.pem"), another.pem);
    expect(verify("-crl_check", "-CRLfile", at("crl.pem"), at("another.pem")).stdout).toContain("OK");
  });
});
