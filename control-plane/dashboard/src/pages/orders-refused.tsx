import type { OrdersRefusal } from "@sartor/shared/protocol";
import { actionOf } from "../api/index.js";
import { Since } from "../components/index.js";
import { formatMoment } from "../format/index.js";

/** Says that a device does not follow its newest orders, why, and since when; nothing where it follows them. */
export function OrdersRefused({ refusal }: { readonly refusal: OrdersRefusal | null }) {
  if (refusal === null) return null;
  const { code, message, since } = refusal;
  const action = actionOf(code);
  return (
    <section class="note note-bad" aria-label="Orders refused">
      <strong class="note-title">The device refuses its newest orders</strong>
      <p>
        <code class="code">{code}</code> {message}
      </p>
      {action === undefined ? null : <p class="muted">{action}</p>}
      <p class="muted small">
        For <Since at={since} />, since {formatMoment(since)} by the device's clock. What it serves goes on; it follows
        nothing newer until this is over.
      </p>
    </section>
  );
}
