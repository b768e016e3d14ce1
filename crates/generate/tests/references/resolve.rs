//! Follows every reference of a module to what it names, and attributes as far as they are known.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, Body};
use hcl_edit::template::Element;

use crate::module::Module;
use crate::shape::Shape;

/// Names that are bound where an expression stands: loop variables, `each`, `self`.
type Scope = BTreeMap<String, Shape>;

/// The walk through a module.
pub(crate) struct Resolver<'m> {
    module: &'m Module,
    /// Outputs of the modules it calls, by their names here.
    called: BTreeMap<String, Vec<String>>,
    shapes: BTreeMap<String, Option<Shape>>,
    place: String,
    /// Attributes that are not there, of what is being looked at; `try` forgives these.
    misses: Vec<String>,
    /// What leads nowhere.
    pub(crate) findings: Vec<String>,
    /// Every `var.x` and `local.x` that something refers to.
    pub(crate) used: BTreeSet<String>,
}

impl<'m> Resolver<'m> {
    /// Walks through the whole module.
    pub(crate) fn walk(module: &'m Module, called: BTreeMap<String, Vec<String>>) -> Self {
        let (shapes, used) = (BTreeMap::new(), BTreeSet::new());
        let (place, misses, findings) = (String::new(), Vec::new(), Vec::new());
        let mut resolver = Self { module, called, shapes, place, misses, findings, used };
        for (file, block) in &module.blocks {
            let labels: Vec<_> = block.labels.iter().map(|label| label.as_str()).collect();
            resolver.place = format!("{file}: {} {}", block.ident.as_str(), labels.join(" "));
            resolver.top_level(block);
            resolver.findings.append(&mut resolver.misses);
        }
        resolver
    }

    fn top_level(&mut self, block: &Block) {
        match block.ident.as_str() {
            "terraform" | "provider" => {}
            // Types are no expressions, and a default refers to nothing.
            "variable" => block.body.get_blocks("validation").for_each(|rule| self.body(&rule.body, &Scope::new())),
            "locals" => block.body.attributes().for_each(|attribute| drop(self.local(attribute.key.as_str()))),
            _ => {
                let mut scope = Scope::from([("self".to_owned(), Shape::Any)]);
                if let Some(each) = block.body.get_attribute("for_each") {
                    let shape = self.shape(&each.value, &Scope::new());
                    scope.insert("each".to_owned(), iteration(&shape));
                }
                if block.body.has_attribute("count") {
                    scope.insert("count".to_owned(), Shape::Any);
                }
                self.body(&block.body, &scope);
            }
        }
    }

    fn body(&mut self, body: &Body, scope: &Scope) {
        // What is ignored are arguments of the resource itself.
        for attribute in body.attributes().filter(|attribute| attribute.key.as_str() != "ignore_changes") {
            self.shape(&attribute.value, scope);
        }
        for block in body.blocks() {
            let mut inner = scope.clone();
            if block.ident.as_str() == "dynamic" {
                let each = block.body.get_attribute("for_each").expect("a dynamic block has for_each");
                let shape = self.shape(&each.value, scope);
                inner.insert(block.labels[0].as_str().to_owned(), iteration(&shape));
            }
            self.body(&block.body, &inner);
        }
    }

    /// The shape of a local value, found out when it is first asked for.
    fn local(&mut self, name: &str) -> Shape {
        if let Some(known) = self.shapes.get(name) {
            return known.clone().unwrap_or_else(|| {
                self.findings.push(format!("{}: local.{name} refers to itself", self.place));
                Shape::Any
            });
        }
        let Some(expression) = self.module.locals.get(name) else {
            self.findings.push(format!("{}: there is no local.{name}", self.place));
            return Shape::Any;
        };
        self.shapes.insert(name.to_owned(), None);
        // A `try` around the name of a local does not forgive what is wrong inside of it.
        let outer = std::mem::take(&mut self.misses);
        let shape = self.shape(expression, &Scope::new());
        self.findings.append(&mut self.misses);
        self.misses = outer;
        self.shapes.insert(name.to_owned(), Some(shape.clone()));
        shape
    }

    fn shape(&mut self, expression: &Expression, scope: &Scope) -> Shape {
        match expression {
            Expression::Null(_) => Shape::Null,
            Expression::Bool(_) | Expression::Number(_) | Expression::String(_) => Shape::Any,
            Expression::Array(array) => {
                Shape::each(array.iter().map(|element| self.shape(element, scope)).fold(Shape::Null, Shape::or))
            }
            Expression::Object(object) => {
                let attributes: Vec<_> =
                    object.iter().map(|(key, value)| (self.key(key, scope), self.shape(value.expr(), scope))).collect();
                Shape::object(attributes)
            }
            Expression::StringTemplate(template) => {
                template.iter().for_each(|element| self.element(element, scope));
                Shape::Any
            }
            Expression::HeredocTemplate(heredoc) => {
                heredoc.template.iter().for_each(|element| self.element(element, scope));
                Shape::Any
            }
            Expression::Parenthesis(inside) => self.shape(inside.inner(), scope),
            Expression::Variable(name) => self.root(name.as_str(), scope),
            Expression::Conditional(conditional) => {
                self.shape(&conditional.cond_expr, scope);
                let (yes, no) = (self.shape(&conditional.true_expr, scope), self.shape(&conditional.false_expr, scope));
                yes.or(no)
            }
            Expression::FuncCall(call) => self.call(call, scope),
            Expression::Traversal(traversal) => self.traversal(traversal, scope),
            Expression::UnaryOp(operation) => {
                self.shape(&operation.expr, scope);
                Shape::Any
            }
            Expression::BinaryOp(operation) => {
                self.shape(&operation.lhs_expr, scope);
                self.shape(&operation.rhs_expr, scope);
                Shape::Any
            }
            Expression::ForExpr(each) => self.for_each(each, scope),
        }
    }

    fn key(&mut self, key: &ObjectKey, scope: &Scope) -> String {
        match key {
            ObjectKey::Ident(name) => name.as_str().to_owned(),
            ObjectKey::Expression(Expression::String(text)) => text.value().clone(),
            ObjectKey::Expression(other) => {
                self.shape(other, scope);
                "(computed)".to_owned()
            }
        }
    }

    fn element(&mut self, element: &Element, scope: &Scope) {
        match element {
            Element::Literal(_) => {}
            Element::Interpolation(inside) => drop(self.shape(&inside.expr, scope)),
            Element::Directive(_) => panic!("{}: template directives are not followed", self.place),
        }
    }

    /// A name on its own: a loop variable, or the type of a resource whose name follows.
    fn root(&mut self, name: &str, scope: &Scope) -> Shape {
        scope.get(name).cloned().unwrap_or_else(|| {
            self.findings.push(format!("{}: nothing is called `{name}` here", self.place));
            Shape::Any
        })
    }

    fn for_each(&mut self, each: &ForExpr, scope: &Scope) -> Shape {
        let collection = self.shape(&each.intro.collection_expr, scope);
        let mut inner = scope.clone();
        inner.insert(each.intro.value_var.as_str().to_owned(), collection.element());
        if let Some(key) = &each.intro.key_var {
            inner.insert(key.as_str().to_owned(), Shape::Any);
        }
        if let Some(key) = &each.key_expr {
            self.shape(key, &inner);
        }
        if let Some(condition) = &each.cond {
            self.shape(&condition.expr, &inner);
        }
        let value = self.shape(&each.value_expr, &inner);
        Shape::each(if each.grouping { Shape::each(value) } else { value })
    }

    fn call(&mut self, call: &FuncCall, scope: &Scope) -> Shape {
        let name = call.name.name.as_str();
        let before = self.misses.len();
        let mut arguments: Vec<_> = call.args.iter().map(|argument| self.shape(argument, scope)).collect();
        if matches!(name, "try" | "can") {
            // That a value may not have an attribute is why it is written; what it names must be there all the same.
            self.misses.truncate(before);
        }
        if call.args.expand_final()
            && let Some(last) = arguments.pop()
        {
            arguments.push(last.element());
        }
        let first = arguments.first().cloned().unwrap_or(Shape::Any);
        match name {
            "merge" => arguments.into_iter().fold(Shape::Null, Shape::merged),
            "coalesce" => arguments.into_iter().fold(Shape::Null, Shape::or),
            "concat" => Shape::each(arguments.iter().map(Shape::element).fold(Shape::Null, Shape::or)),
            "values" => Shape::each(first.element()),
            "flatten" => first.flattened(),
            "lookup" | "one" | "element" => first.element(),
            "compact" | "distinct" | "slice" | "reverse" => first,
            _ => Shape::Any,
        }
    }

    fn traversal(&mut self, traversal: &Traversal, scope: &Scope) -> Shape {
        for operator in &traversal.operators {
            if let TraversalOperator::Index(index) = operator.value() {
                self.shape(index, scope);
            }
        }
        let names: Vec<_> = traversal.operators.iter().map_while(|operator| name_of(operator)).collect();
        let (mut shape, taken) = match &traversal.expr {
            Expression::Variable(root) if !scope.contains_key(root.as_str()) => self.named(root.as_str(), &names),
            other => (self.shape(other, scope), 0),
        };
        for operator in traversal.operators.iter().skip(taken) {
            shape = match operator.value() {
                TraversalOperator::GetAttr(name) => shape.attribute(name.as_str()).unwrap_or_else(|problem| {
                    self.misses.push(format!("{}: in `{}` {problem}", self.place, written(traversal)));
                    Shape::Any
                }),
                TraversalOperator::Index(Expression::String(key)) => shape.attribute(key.value()).unwrap_or(Shape::Any),
                TraversalOperator::Index(_) | TraversalOperator::LegacyIndex(_) => shape.element(),
                // What comes after a splat is asked of every element, which nothing here needs.
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => Shape::Any,
            };
        }
        shape
    }

    /// What begins with a name that the module gives, and how many of the names behind it that takes.
    fn named(&mut self, root: &str, names: &[&str]) -> (Shape, usize) {
        match (root, names) {
            ("var", [name, ..]) => {
                self.used.insert(format!("var.{name}"));
                let known = self.module.variables.get(*name).cloned();
                (self.known(known, &format!("var.{name}")), 1)
            }
            ("local", [name, ..]) => {
                self.used.insert(format!("local.{name}"));
                (self.local(name), 1)
            }
            ("module", [name, output, ..]) => {
                let known = self.called.get(*name).is_some_and(|outputs| outputs.iter().any(|known| known == output));
                (self.known(known.then_some(Shape::Any), &format!("module.{name}.{output}")), 2)
            }
            ("data", [kind, name, ..]) => (self.resource(&format!("data.{kind}.{name}")), 2),
            ("path" | "terraform", [_, ..]) => (Shape::Any, 1),
            (kind, [name, ..]) => (self.resource(&format!("{kind}.{name}")), 1),
            (name, []) => (self.known(None, name), 0),
        }
    }

    fn resource(&mut self, address: &str) -> Shape {
        let known = self.module.resources.iter().any(|known| known == address);
        self.known(known.then_some(Shape::Any), address)
    }

    fn known(&mut self, shape: Option<Shape>, what: &str) -> Shape {
        shape.unwrap_or_else(|| {
            self.findings.push(format!("{}: there is no {what}", self.place));
            Shape::Any
        })
    }
}

/// `each`, or the iterator of a dynamic block.
fn iteration(collection: &Shape) -> Shape {
    let attributes = [("key".to_owned(), Shape::Any), ("value".to_owned(), collection.element())];
    Shape::object(attributes)
}

fn name_of(operator: &TraversalOperator) -> Option<&str> {
    match operator {
        TraversalOperator::GetAttr(name) => Some(name.as_str()),
        _ => None,
    }
}

fn written(traversal: &Traversal) -> String {
    let mut text = match &traversal.expr {
        Expression::Variable(name) => name.as_str().to_owned(),
        _ => "(…)".to_owned(),
    };
    for operator in &traversal.operators {
        match operator.value() {
            TraversalOperator::GetAttr(name) => text.push_str(&format!(".{}", name.as_str())),
            _ => text.push_str("[…]"),
        }
    }
    text
}
