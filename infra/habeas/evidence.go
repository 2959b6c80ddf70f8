package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newEvidence() *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "Check proof of what was done"}
	c.AddCommand(newEvidenceVerify())
	return c
}

func newEvidenceVerify() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "verify BUNDLE", Short: "Check a bundle and print every fault found", Args: cobra.ExactArgs(1),
		Long: "Checks the hash chains of a bundle and its signature, without a server and without trust in the bundle. Without --key\n" +
			"the key inside the bundle is used: then the bundle is consistent, but anybody could have made it.",
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := verifyOptions(key)
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
	c.Flags().StringVar(&key, "key", "", "evidence key of the tenant from a place you trust: the key itself or a file with it")
	return c
}

func verifyOptions(key string) (evidence.VerifyOptions, error) {
	content, err := os.ReadFile(key)
	switch {
	case key == "":
		return evidence.VerifyOptions{}, nil
	case err == nil:
		key = strings.TrimSpace(string(content))
	case errors.Is(err, fs.ErrPermission):
		return evidence.VerifyOptions{}, fault.Wrap(fault.Misconfigured, err, "reading the key")
	}
	return evidence.VerifyOptions{Key: key}, nil // a key is no file name that exists
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
	report, err := evidence.VerifyBundle(f, info.Size(), opts)
	if fault.Has(err, fault.Invalid) {
		return report, usage("--key is no evidence key: " + err.Error())
	}
	return report, err
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
	if r.Unsealed > 0 {
		_, _ = fmt.Fprintf(w, "note: %d entries are not sealed by a checkpoint of the whole ledger\n", r.Unsealed)
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
