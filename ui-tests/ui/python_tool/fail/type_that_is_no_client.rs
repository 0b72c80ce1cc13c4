struct Tools;

fn main() {
    fn client<C: snakebridge::client::PythonTools>() {}
    client::<Tools>();
}
