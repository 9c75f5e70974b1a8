import type { ComponentChildren } from "preact";
import type { ShownError } from "../api/index.js";
import { Dialog } from "./dialog.js";
import { ErrorNote } from "./notice.js";

/** Properties of a {@link FormDialog}. */
export interface FormDialogProps {
  readonly title: string;
  /** Label of the button that sends. */
  readonly submit: string;
  readonly busy: boolean;
  readonly error: ShownError | null;
  /** Title of the error. */
  readonly failed: string;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Asks for what something needs. It stays open while it is sent and when it was refused, so that nothing has to be typed twice. */
export function FormDialog({ title, submit, busy, error, failed, onSubmit, onClose, children }: FormDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      {(close) => (
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {children}
          {error === null ? null : <ErrorNote error={error} title={failed} />}
          <div class="form-actions">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" class="primary" disabled={busy}>
              {submit}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
