import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

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
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-label={title} onClose={onClose}>
      <h2>{title}</h2>
      {children}
      <div class="actions">
        <button type="button" onClick={() => dialog.current?.close()}>
          {keep}
        </button>
        <button
          type="button"
          class={begins ? "primary" : "danger"}
          onClick={() => {
            onConfirm();
            dialog.current?.close();
          }}
        >
          {confirm}
        </button>
      </div>
    </dialog>
  );
}
