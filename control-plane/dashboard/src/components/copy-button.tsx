import { useState } from "preact/hooks";

/** Properties of a {@link CopyButton}. */
export interface CopyButtonProps {
  readonly text: string;
  /** What is copied, for those who hear the button's name only. */
  readonly what?: string;
  readonly small?: boolean;
}

/** Copies a text, where the browser lets a page do so. */
export function CopyButton({ text, what, small }: CopyButtonProps) {
  const [copied, setCopied] = useState<string | null>(null);
  // Browsers give no clipboard to pages that did not come over https, localhost aside.
  if (!window.isSecureContext) return null;
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(text),
      // Refused by the reader's own settings: the text can still be marked and copied.
      () => setCopied(null),
    );
  };
  const word = copied === text ? "Copied" : "Copy";
  const label = what === undefined ? {} : { "aria-label": `${word} ${what}` };
  return (
    <button type="button" class={small ? "small-button" : ""} onClick={copy} {...label}>
      {word}
    </button>
  );
}
