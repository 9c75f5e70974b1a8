import type { ComponentChildren } from "preact";
import { CopyButton } from "./copy-button.js";
import { Dialog } from "./dialog.js";

/** Properties of a {@link SecretDialog}. */
export interface SecretDialogProps {
  readonly title: string;
  /** What is shown this once. */
  readonly text: string;
  /** What it is for, before it. */
  readonly before: ComponentChildren;
  /** What else there is to know, behind it. */
  readonly after: ComponentChildren;
  readonly onClose: () => void;
}

/** Shows a secret that nobody can be shown again. */
export function SecretDialog({ title, text, before, after, onClose }: SecretDialogProps) {
  return (
    <Dialog title={title} wide onClose={onClose}>
      {(close) => (
        <>
          <p>{before}</p>
          <pre class="command">{text}</pre>
          <p class="muted small">It is shown only now. {after}</p>
          <div class="actions">
            <CopyButton text={text} />
            <button type="button" class="primary" onClick={close}>
              Done
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
