package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/dutyops/dutyops/backend/config"
)

func (a *app) initCmd() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "init [FILE]", Short: "Write a commented starter configuration (default: ./dutyops.yaml)", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "dutyops.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			f, err := os.OpenFile(path, flags, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return &usageError{fmt.Errorf("%s exists already; name another file, or --force to overwrite it", path)}
			}
			if err != nil {
				return err
			}
			_, err = f.Write(config.Starter())
			if err = errors.Join(err, f.Close()); err != nil {
				return fmt.Errorf("write %s: %w", path, err)
			}
			if a.json() {
				return a.printJSON(map[string]any{"config": path})
			}
			a.printf("wrote %s\n  next: edit it, then `dutyops config validate -c %s` and `dutyops doctor -c %s`\n", path, path, path)
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return c
}

func (a *app) configCmd() *cobra.Command {
	validate := &cobra.Command{
		Use: "validate [FILE]", Short: "Report every problem with line and column; exit 2 when there is one", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.config = args[0]
			}
			cfg, err := a.load()
			if err == nil {
				err = cfg.CheckFiles()
			}
			var ps config.Problems
			if errors.As(err, &ps) && a.json() {
				if perr := a.printJSON(map[string]any{"ok": false, "problems": ps}); perr != nil {
					return perr
				}
				return &quietError{code: codeUsage, err: ps}
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printJSON(map[string]any{"ok": true, "config": cfg.Path, "problems": []any{}})
			}
			a.printf("%s: no problems; %d sites, %d domains\n", cfg.Path, len(cfg.Sites), len(cfg.Domains))
			return nil
		},
	}
	schema := &cobra.Command{
		Use: "schema", Short: "JSON Schema of the configuration, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(config.Schema())
			return err
		},
	}
	return group("config", "Check the configuration, print its schema", validate, schema)
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Version, commit and platform", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v, c := version, commit
			if info, ok := debug.ReadBuildInfo(); ok && c == "" {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						c = s.Value
					}
				}
			}
			if a.json() {
				return a.printJSON(map[string]any{"version": v, "commit": c, "date": date, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			a.printf("dutyops %s %s %s/%s %s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, c)
			return nil
		},
	}
}

func (a *app) completionCmd() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Shell completion script", ValidArgs: []string{"bash", "zsh", "fish"},
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(a.out)
			default:
				return cmd.Root().GenFishCompletion(a.out, true)
			}
		},
	}
}

// manDate keeps the pages reproducible; a release overrides it through `date`.
var manDate = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func (a *app) manCmd() *cobra.Command {
	return &cobra.Command{
		Use: "man [DIR]", Short: "Manual page to stdout, or one page per verb into DIR", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h := &doc.GenManHeader{Title: "DUTYOPS", Section: "1", Source: "dutyops " + version, Manual: "dutyops", Date: &manDate}
			if len(args) == 0 {
				return doc.GenMan(cmd.Root(), h, a.out)
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return doc.GenManTree(cmd.Root(), h, args[0])
		},
	}
}

func dirOf(path string) string { return filepath.Dir(path) }
