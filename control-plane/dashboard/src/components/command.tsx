import { CopyButton } from "./copy-button.js";

/** A command that a person runs elsewhere, with a button that copies it. */
export function Command({ text }: { readonly text: string }) {
  return (
    <span class="command-line">
      <code>{text}</code>
      <CopyButton text={text} what={text} small />
    </span>
  );
}
