package main

import (
	"context"
	"fmt"

	"github.com/dutyops/dutyops/backend"
)

// manualDoc is the JSON of `plan --manual`.
type manualDoc struct {
	backend.Manual
	// Folder has the files; "" when they were not asked for.
	Folder string `json:"folder,omitempty"`
}

// printManual prints a plan as commands for a person, or writes them into files.
func (a *app) printManual(ctx context.Context, e *backend.Engine, req backend.PlanRequest, back bool, save string) error {
	m, err := e.Manual(ctx, req)
	if err != nil {
		return err
	}
	doc := manualDoc{Manual: m}
	if save != "" {
		if doc.Folder, err = m.Save(save); err != nil {
			return err
		}
	}
	switch {
	case a.json():
		err = a.printJSON(doc)
	case save != "":
		a.printf("%s\n", doc.Folder)
		for _, p := range m.Parts {
			a.printf("  %-50s %d record sets, %s%s\n", p.File, p.Records, p.Way(), because(p.Problem))
		}
		for _, n := range m.Notes {
			a.printf("note: %s\n", n)
		}
	default:
		a.printf("%s", m.Text(back))
	}
	if err == nil && len(m.BlockedBy) > 0 {
		return &quietError{code: codeRefused, err: fmt.Errorf("%w: a run of this plan would be refused: %s: %s", backend.ErrRefused, m.BlockedBy[0].Gate, m.BlockedBy[0].Evidence)}
	}
	return err
}

func because(problem string) string {
	if problem == "" {
		return ""
	}
	return "; no commands: " + problem
}
