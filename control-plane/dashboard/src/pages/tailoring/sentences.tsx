/** Plain sentences as a list. */
export function Sentences({ lines }: { readonly lines: readonly string[] }) {
  return (
    <ul class="sentences">
      {lines.map((line) => (
        <li key={line}>{line}</li>
      ))}
    </ul>
  );
}
