package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newEvidence() *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "Check proof of what was done"}
	r := &remote{}
	r.flags(c)
	c.AddCommand(newEvidenceVerify(r), newEvidenceCheckpoint(r))
	return c
}

func newEvidenceCheckpoint(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: "Print the signed state of the log that seals all evidence", Args: cobra.NoArgs,
		Long: "Prints the newest checkpoint of the tenant's log. Keep it: later, \"habeas evidence verify --since\" shows with it that\n" +
			"nothing of the log was rewritten since.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			return ask(cmd, c, http.MethodGet, "/log/checkpoint", nil, nil, func(w io.Writer, v struct {
				Checkpoint string `json:"checkpoint"`
			},
			) {
				_, _ = io.WriteString(w, v.Checkpoint)
			})
		},
	}
}

// verifyFlags are the flags of verify; each of key, since and proof may be empty.
type verifyFlags struct{ key, since, proof string }

func newEvidenceVerify(r *remote) *cobra.Command {
	var o verifyFlags
	c := &cobra.Command{
		Use: "verify BUNDLE", Short: "Check a bundle and print every fault found", Args: cobra.ExactArgs(1),
		Long: "Checks the hash chains of a bundle, its signature and its receipt, without a server and without trust in the bundle.\n" +
			"Without --key the key inside the bundle is used: then the bundle is consistent, but anybody could have made it.\n\n" +
			"With --since the log of the receipt is compared with a checkpoint of another time: neither may have been rewritten\n" +
			"since the other. The proof for that is asked of the server, or read from --proof; it needs no trust.",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := o.options(cmd, r)
			if err != nil {
				return err
			}
			report, err := verifyBundle(args[0], opts)
			if err != nil {
				return err
			}
			err = show(cmd, struct {
				OK bool `json:"ok"`
				evidence.Report
			}{report.OK(), report}, func(w io.Writer) { writeReport(w, report) })
			if err == nil && !report.OK() {
				err = fault.New(fault.Invalid, "the bundle is not what was signed")
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "evidence key of the tenant from a place you trust: the key itself or a file with it")
	f.StringVar(&o.since, "since", "", "file with a checkpoint from another time (habeas evidence checkpoint)")
	f.StringVar(&o.proof, "proof", "", "file with the answer of GET /api/v1/log/consistency (default: it is asked for)")
	return c
}

// maxCheckpoint bounds a file with a checkpoint or a proof.
const maxCheckpoint = 1 << 20

func (o verifyFlags) options(cmd *cobra.Command, r *remote) (evidence.VerifyOptions, error) {
	opts := evidence.VerifyOptions{}
	var err error
	if opts.Key, err = readKey(o.key); err != nil {
		return opts, err
	}
	if o.since == "" {
		if o.proof != "" {
			return opts, usage("--proof goes with --since")
		}
		return opts, nil
	}
	raw, err := readFile(cmd, o.since, maxCheckpoint)
	if err != nil {
		return opts, err
	}
	opts.Since = string(raw)
	// The answer of GET /api/v1/log/checkpoint is as good as the checkpoint in it.
	var answer struct {
		Checkpoint string `json:"checkpoint"`
	}
	if json.Unmarshal(raw, &answer) == nil && answer.Checkpoint != "" {
		opts.Since = answer.Checkpoint
	}
	opts.Prove = func(from, to int64) ([]byte, error) { return o.prove(cmd, r, from, to) }
	return opts, nil
}

// prove reads the proof that the log with so many leaves as to grew out of that with so many as from.
func (o verifyFlags) prove(cmd *cobra.Command, r *remote, from, to int64) ([]byte, error) {
	if o.proof != "" {
		return readFile(cmd, o.proof, maxCheckpoint)
	}
	c, err := r.staff(cmd)
	if err != nil {
		return nil, err
	}
	return c.api(cmd.Context(), http.MethodGet, "/log/consistency", parameters("from", strconv.FormatInt(from, 10), "to", strconv.FormatInt(to, 10)), nil)
}

// readKey returns the key given, or that in the file given.
func readKey(key string) (string, error) {
	content, err := os.ReadFile(key)
	switch {
	case key == "":
		return "", nil
	case err == nil:
		return strings.TrimSpace(string(content)), nil
	case errors.Is(err, fs.ErrPermission):
		return "", fault.Wrap(fault.Misconfigured, err, "reading the key")
	}
	return key, nil // a key is no file name that exists
}

func verifyBundle(name string, opts evidence.VerifyOptions) (evidence.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return evidence.Report{}, fault.Wrap(fault.NotFound, err, "opening the bundle")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return evidence.Report{}, fault.Wrap(fault.Unavailable, err, "reading the bundle")
	}
	if !info.Mode().IsRegular() {
		return evidence.Report{}, usage("BUNDLE is a zip file")
	}
	if opts.Key != "" {
		if err := evidence.CheckKey(opts.Key); err != nil {
			return evidence.Report{}, usage("--key is no evidence key: " + err.Error())
		}
	}
	return evidence.VerifyBundle(f, info.Size(), opts)
}

func writeReport(w io.Writer, r evidence.Report) {
	_, _ = fmt.Fprintf(w, "reference %s, tenant %s, exported %s\n", r.Reference, r.Tenant, r.ExportedAt.Format("2006-01-02 15:04:05Z07:00"))
	_, _ = fmt.Fprintf(w, "%d entries in %d chains, signed by %s\n", r.Entries, r.Chains, r.KeyName)
	for _, c := range r.Checks {
		_, _ = fmt.Fprintln(w, "checked: "+c)
	}
	if !r.KeyGiven {
		_, _ = fmt.Fprintln(w, "note: the key came with the bundle; compare it with the one the controller publishes, or use --key")
	}
	if s := r.Sealed; s != nil {
		_, _ = fmt.Fprintf(w, "sealed up to entry %d of the case: leaf %d in a log of %d, checkpoint of %s, root %s\n",
			s.Seq, s.Leaf, s.Size, s.SealedAt.Format("2006-01-02 15:04:05Z07:00"), s.Root)
	}
	if s := r.Since; s != nil {
		_, _ = fmt.Fprintf(w, "compared with the log of %d leaves, root %s\n", s.Size, s.Root)
	}
	if r.Unsealed > 0 {
		_, _ = fmt.Fprintf(w, "note: %d of %d entries are not sealed in the log\n", r.Unsealed, r.Entries)
	}
	for _, f := range r.Findings {
		at := f.File
		if f.Seq > 0 {
			at = fmt.Sprintf("%s entry %d", at, f.Seq)
		}
		_, _ = fmt.Fprintf(w, "FAULT %s: %s: %s\n", f.Kind, at, f.Text)
	}
	if r.More > 0 {
		_, _ = fmt.Fprintf(w, "and %d faults more\n", r.More)
	}
	if r.OK() {
		_, _ = fmt.Fprintln(w, "nothing is wrong with this bundle")
	}
}
