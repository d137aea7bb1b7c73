// Package tui is the terminal face of dutyops: dashboard, explanations, plan review,
// confirmations, guided runs, journal, DNS board and, in the sandbox, faults.
//
// There is one tea.Model (app). Screens and dialogs are plain types that draw lines
// and answer keys; composition lives in screen.go, layout in layout.go. All work that
// may block runs in commands, never in Update. What can be done comes from one
// registry (commands.go), from which keys, footer, help and palette derive.
//
// It does not: judge, plan, probe or change anything itself, and enforces no rule;
// that is the engine's part (backend.Face). It must not import probes or dnsproviders.
// Only cmd/dutyops may import it.
package tui
