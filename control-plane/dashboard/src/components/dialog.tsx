import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Properties of a {@link Dialog}. */
export interface DialogProps {
  readonly title: string;
  /** For content that needs room, such as a command. */
  readonly wide?: boolean;
  readonly onClose: () => void;
  /** Draws the content; `close` ends the dialog as Escape does. */
  readonly children: (close: () => void) => ComponentChildren;
}

/** A window above the page that has the keyboard until it is closed; then the keyboard is back where it was. */
export function Dialog({ title, wide, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const gone = useRef(false);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    return () => {
      gone.current = true;
      element?.close();
      // The browser gives it back only where the dialog still had it: a button that was disabled meanwhile has lost it.
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${wide ? "dialog-wide" : ""}`}
      aria-label={title}
      onClose={() => {
        if (!gone.current) onClose();
      }}
    >
      <h2>{title}</h2>
      {children(() => dialog.current?.close())}
    </dialog>
  );
}
