export {
  AUDIT_PRUNED,
  type AuditBreak,
  type AuditLink,
  AuditVerifier,
  auditHashInput,
  auditText,
  GENESIS_HASH,
} from "./audit-chain.js";
