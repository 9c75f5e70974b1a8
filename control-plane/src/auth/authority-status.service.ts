import { X509Certificate } from "node:crypto";
import { Injectable } from "@nestjs/common";
import type { AuthorityStatus } from "@sartor/shared/protocol";
import { Settings } from "../config/index.js";
import { isRootKeyHere } from "./authority-material.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { sha256Hex } from "./certificate-request.js";

/** Says what the authority is and until when. */
@Injectable()
export class AuthorityStatusService {
  constructor(
    private readonly authority: CertificateAuthority,
    private readonly settings: Settings,
  ) {}

  async status(): Promise<AuthorityStatus> {
    const { rootPem, rootFingerprint, intermediatePem } = this.authority;
    const { stateDir, ownAuthority } = this.settings;
    return {
      root: {
        ...factsOf(rootPem),
        certificate: rootPem,
        pin: rootFingerprint,
        keyIsHere: ownAuthority === undefined && (await isRootKeyHere(stateDir)),
      },
      intermediate: factsOf(intermediatePem),
    };
  }
}

function factsOf(pem: string) {
  const { subject, raw, validFromDate, validToDate } = new X509Certificate(pem);
  return {
    subject: subject.replaceAll("\n", ", "),
    fingerprint: sha256Hex(raw),
    notBefore: validFromDate.getTime(),
    notAfter: validToDate.getTime(),
  };
}
