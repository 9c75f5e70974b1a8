import type { DatasetPurpose, ModelVersionView } from "@sartor/shared/protocol";
import { useRef, useState } from "preact/hooks";
import { useAction, useConnection } from "../../api/index.js";
import { ErrorNote, Field, JobBar, Panel, Select, TextField } from "../../components/index.js";
import { formatBytes } from "../../format/index.js";

/** Properties of a {@link DatasetUpload}. */
export interface DatasetUploadProps {
  readonly view: ModelVersionView;
  readonly onAdded: () => void;
}

const PURPOSES: readonly (readonly [DatasetPurpose, string])[] = [
  ["calibration", "calibration"],
  ["evaluation", "evaluation"],
];

/** Sends a safetensors file and registers it as samples. */
export function DatasetUpload({ view, onAdded }: DatasetUploadProps) {
  const { client } = useConnection();
  const form = useRef<HTMLFormElement>(null);
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [purpose, setPurpose] = useState<DatasetPurpose>("calibration");
  const [description, setDescription] = useState("");
  const [share, setShare] = useState(0);
  const [added, setAdded] = useState<string | null>(null);
  const add = useAction(
    async (chosen: File, signal) => {
      setShare(0);
      setAdded(null);
      const { digest } = await client.tailoring.upload(chosen, setShare, signal);
      const text = description.trim();
      return client.tailoring.addDataset(
        view.model,
        { name: name.trim(), purpose, content: digest, ...(text === "" ? {} : { description: text }) },
        signal,
      );
    },
    (dataset) => {
      setAdded(`${dataset.name} was added with ${dataset.samples} samples.`);
      setFile(null);
      setName("");
      setDescription("");
      form.current?.reset();
      onAdded();
    },
  );
  const { width, height } = view.manifest.preprocessing;
  return (
    <Panel title="Add samples">
      <form
        ref={form}
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (file !== null) add.run(file);
        }}
      >
        <div class="form-grid">
          <Field
            label="File"
            hint={`safetensors with images (UINT8, samples x ${height} x ${width} x 3) or one FP32 tensor an input, and labels (INT32 or INT64)`}
          >
            {(described) => (
              <input
                {...described}
                type="file"
                accept=".safetensors"
                required
                onChange={(event) => {
                  const chosen = event.currentTarget.files?.[0] ?? null;
                  setFile(chosen);
                  if (chosen !== null && name === "") setName(chosen.name.replace(/\.safetensors$/i, ""));
                }}
              />
            )}
          </Field>
          <Select
            label="For"
            value={purpose}
            options={PURPOSES}
            onChange={setPurpose}
            hint={
              purpose === "calibration"
                ? "They show the range of numbers that the network sees; never use the evaluation samples."
                : "They tell how right a variant is; they need labels."
            }
          />
          <TextField
            label="Name"
            hint="Unique within the model."
            value={name}
            required
            maximumLength={128}
            onChange={setName}
          />
          <TextField
            label="Description"
            hint="Where they come from, so that a card can be understood later."
            value={description}
            maximumLength={1024}
            onChange={setDescription}
          />
        </div>
        {add.busy ? (
          <JobBar
            label="Upload"
            percent={100 * share}
            step={
              share < 1
                ? `sending ${file === null ? "" : formatBytes(file.size)}`
                : "the control plane checks the samples"
            }
          />
        ) : null}
        {add.error === null ? null : <ErrorNote error={add.error} title="The samples were not added" />}
        <p role="status" class="good-text">
          {added}
        </p>
        <div class="form-actions">
          <button type="submit" class="primary" disabled={add.busy || file === null || name.trim() === ""}>
            {add.busy ? "Sending…" : "Upload samples"}
          </button>
        </div>
      </form>
    </Panel>
  );
}
