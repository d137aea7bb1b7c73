// Package i18n words the fixed text of the terminal face in English and Chinese.
// The English sentence is the key, so the code reads as what it says. A key may carry
// a context before a bar ("state|up"); the bar and what is before it are not shown.
//
// What the engine says (details, evidence, reasons) is told by whole sentences, see
// [Printer.Tell]; what is not known stays English.
//
// It does not: translate names, data or words alone, nor detect anything but a language. Only tui and its sub-packages may import it.
package i18n
