package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func newBackup() *cobra.Command {
	var dir, out, keysTo string
	c := &cobra.Command{
		Use: "backup --out FILE", Short: "Write a backup of an installation, also while its server runs", Args: cobra.NoArgs,
		Long: "Records are as of one instant; everything personal in the backup is sealed. Two things are not in it: the key file\n" +
			"DIR/master.key, without which nothing of it opens (keep it apart, on another medium), and the list DIR/shredded of keys that\n" +
			"were destroyed (copy it as often as you can: a restore destroys those keys again). Sessions and tokens are never backed up.\n" +
			"The wrapped keys of cases have a shorter life than the rest, which the command prints: keep them in a file of their own\n" +
			"(--keys) and delete that file in time, or delete the whole backup then.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" || out == keysTo {
				return usage("--out wants a file, and --keys another one")
			}
			b, err := local.TakeBackup(cmd.Context(), dir, out, keysTo)
			if err != nil {
				return err
			}
			progress(cmd, "%s is not in the backup: keep it apart, without it nothing of the backup opens", filepath.Join(dir, "master.key"))
			progress(cmd, "%s with the wrapped keys of cases is to be deleted before %s", keysFile(out, keysTo), b.KeysExpire.Format(time.DateOnly))
			return show(cmd, b, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "backup\t%s\ntaken\t%s\nrecords\t%d\nobjects\t%d\nkeys until\t%s\n",
					b.ID, b.TakenAt.Format(time.RFC3339), sum(b.Records), b.Objects, b.KeysExpire.Format(time.DateOnly))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "data", "./habeas-data", "data directory")
	f.StringVar(&out, "out", "", "file to write; it must not exist")
	f.StringVar(&keysTo, "keys", "", "file of its own for the wrapped keys of cases")
	return c
}

func keysFile(out, keysTo string) string {
	if keysTo != "" {
		return keysTo
	}
	return out
}

func sum(by map[string]int) (n int) {
	for _, v := range by {
		n += v
	}
	return n
}

func newRestore() *cobra.Command {
	var o local.RestoreOptions
	var master string
	c := &cobra.Command{
		Use: "restore --from FILE", Short: "Make an installation out of a backup", Args: cobra.NoArgs,
		Long: "The data directory must hold no records, and the key file of the installation as DIR/master.key (or name it with\n" +
			"--master-key). Open cases go on in a new generation; mails that were on their way are marked as unknown and not sent again;\n" +
			"keys that were destroyed since the backup are destroyed again, by the list in DIR/shredded or the one named with --shredded.\n" +
			"Sessions and tokens are gone: sign in anew, and make new tokens with habeas staff.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.From == "" {
				return usage("--from wants the backup")
			}
			if err := placeKey(o.Dir, master); err != nil {
				return err
			}
			o.Log = slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			r, err := local.Restore(cmd.Context(), o)
			if err != nil {
				return err
			}
			if !r.ListFound {
				progress(cmd, "there was no list of destroyed keys: cases that were disposed of since the backup come back until their retention is seen to have ended")
			}
			return show(cmd, r, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "records\t%d\nobjects\t%d\nopen cases taken over\t%d\nmails of unknown fate\t%d\nkeys destroyed again\t%d\n",
					r.Records, r.Objects, r.TakenOver, r.Mails, r.Shredded)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "data", "./habeas-data", "data directory to make")
	f.StringVar(&o.From, "from", "", "the backup")
	f.StringVar(&o.Keys, "keys", "", "the file with its wrapped keys, when they are apart")
	f.StringVar(&o.Shredded, "shredded", "", "the newest list of destroyed keys (default: DIR/shredded)")
	f.StringVar(&master, "master-key", "", "key file of the installation, copied to DIR/master.key")
	f.BoolVar(&o.ExpiredKeys, "expired-keys", false, "restore wrapped keys that have outlived their time")
	return c
}

// placeKey copies the key file into the data directory, unless it is there.
func placeKey(dir, from string) error {
	if from == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Misconfigured, "the data directory cannot be made")
	}
	raw, err := os.ReadFile(from)
	if err != nil {
		return fault.New(fault.NotFound, "the key file cannot be read")
	}
	f, err := os.OpenFile(filepath.Join(dir, "master.key"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "there is a key file in the data directory already")
	}
	if err != nil {
		return fault.New(fault.Misconfigured, "the key file cannot be copied")
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Unavailable, "the key file cannot be copied")
	}
	return nil
}
