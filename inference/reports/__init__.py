"""What all pages share: words of two languages, numbers, templates, style, scripts."""
