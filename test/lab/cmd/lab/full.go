//go:build integration

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dutyops/dutyops/test/lab"
)

// runFull keeps two sites of the whole stack up.
func runFull(ctx context.Context) error {
	fmt.Println("starting two sites of the whole stack ...")
	f, err := lab.StartFull(ctx, lab.FullOptions{Rate: 5, Progress: func(s lab.Started) { fmt.Println("  " + s.String()) }})
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Keep(); err != nil {
		return err
	}
	total := int64(0)
	fmt.Println("\nmemory:")
	for _, u := range f.Memory() {
		fmt.Println("  " + u.String())
		total += u.Bytes
	}
	tellAccess(f.Lab, fmt.Sprintf(", %d MB in all", total>>20))
	fmt.Printf(`  kill -USR2 %d                              # the fault: the primary's whole data platform; once more: all of the primary
%s`, os.Getpid(), homeward)
	faults := 0
	return wait(ctx, f.Lab, func(context.Context) error {
		if faults++; faults == 1 {
			f.Data[f.Primary.Name].Kill()
		} else {
			f.KillSite(f.Primary)
		}
		return nil
	}, func(ctx context.Context) error {
		faults = 0
		return f.Mend(ctx)
	})
}
