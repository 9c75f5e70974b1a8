import type { ComponentChildren } from "preact";
import { Dialog } from "./dialog.js";

/** Properties of a {@link ConfirmDialog}. */
export interface ConfirmDialogProps {
  readonly title: string;
  readonly confirm: string;
  /** Label of the button that changes nothing. */
  readonly keep: string;
  /** True where the answer begins something instead of ending it. */
  readonly begins?: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Asks before something that cannot simply be undone. Escape and the first button leave everything as it is. */
export function ConfirmDialog({ title, confirm, keep, begins, onConfirm, onClose, children }: ConfirmDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      {(close) => (
        <>
          {children}
          <div class="actions">
            <button type="button" onClick={close}>
              {keep}
            </button>
            <button
              type="button"
              class={begins ? "primary" : "danger"}
              onClick={() => {
                onConfirm();
                close();
              }}
            >
              {confirm}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
