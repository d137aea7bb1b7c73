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
	fmt.Printf(`  kill -USR2 %d                              # the fault: the primary's whole data platform
%s`, os.Getpid(), homeward)
	return wait(ctx, f.Lab, func(context.Context) error {
		f.Data[f.Primary.Name].Kill()
		return nil
	}, f.Mend)
}
