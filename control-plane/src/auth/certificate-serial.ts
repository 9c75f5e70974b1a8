import { randomBytes } from "node:crypto";

/**
 * A serial number of 128 random bits, as hex. The byte 01 in front keeps it positive and of one length, so that every program writes it
 * alike (RFC 5280, section 4.1.2.2: at most 20 bytes).
 */
export function newSerial(): string {
  return `01${randomBytes(16).toString("hex")}`;
}
