//! HTML that cannot be broken out of: markup is text of this program alone, and everything else is escaped on its way in.

/// A piece of a page.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Markup. Only what stands in this program's own text can be given.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, or the value of an attribute between double quotes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                '\n' | '\t' => self.0.push(c),
                // What would not be shown, or turn round what is: shown as what it is.
                c if c.is_control() || is_invisible(c) => {
                    self.0.push('\u{fffd}');
                }
                c => self.0.push(c),
            }
        }
        self
    }

    /// An element with text in it. `tag` may have attributes: `td class="n"`.
    pub(crate) fn element(&mut self, tag: &'static str, text: &str) -> &mut Self {
        let name = tag.split_once(' ').map_or(tag, |(name, _)| name);
        self.raw("<").raw(tag).raw(">").text(text).raw("</").raw(name).raw(">")
    }

    /// An attribute.
    pub(crate) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.raw(" ").raw(name).raw("=\"").text(value).raw("\"")
    }

    /// Attributes with numbers of at most two decimals, as drawings have them.
    pub(crate) fn numbers(&mut self, attributes: &[(&'static str, f64)]) -> &mut Self {
        for (name, value) in attributes {
            self.attribute(name, &number(*value));
        }
        self
    }

    /// Another piece.
    pub(crate) fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// A number for a drawing.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Characters that change the direction of text around them, or take no place.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out() {
        let mut html = Html::default();
        html.raw("<p").attribute("title", "\"><script>").raw(">").text("<b>&'\u{202e}\u{7}\n").raw("</p>");
        html.element("td class=\"n\"", "<i>").numbers(&[("x", 1.0), ("y", 0.125), ("z", -0.001)]);
        assert_eq!(
            html.into_string(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt;&amp;&#39;\u{fffd}\u{fffd}\n</p><td class=\"n\">&lt;i&gt;</td> x=\"1\" y=\"0.12\" z=\"-0\""
        );
    }
}
